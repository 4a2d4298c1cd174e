// The guard of `aifinops` for OpenCode: asks before each model call whether it may be made.
// Written by `aifinops guard install opencode`; removed by `aifinops guard uninstall opencode`.
//
// Whatever goes wrong in here, OpenCode goes on: a guard must not be the reason why nothing works.
import { spawn } from "node:child_process"

const BINARY = "@BINARY@"
const PATIENCE_MS = 5000

// The program's answer, or nothing: it is missing, says nothing, or does not answer in time.
const ask = (question) =>
  new Promise((resolve) => {
    let child
    const timer = setTimeout(() => {
      try {
        child?.kill("SIGKILL")
      } catch {}
      resolve(undefined)
    }, PATIENCE_MS)
    const done = (answer) => {
      clearTimeout(timer)
      resolve(answer)
    }
    try {
      child = spawn(BINARY, ["hook", "opencode"], { stdio: ["pipe", "pipe", "ignore"] })
      let said = ""
      child.stdout.setEncoding("utf8")
      child.stdout.on("data", (text) => (said += text))
      child.on("error", () => done(undefined))
      child.on("close", () => {
        try {
          done(said.trim() === "" ? undefined : JSON.parse(said))
        } catch {
          done(undefined)
        }
      })
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(question))
    } catch {
      done(undefined)
    }
  })

export const Aifinops = async ({ client, directory }) => {
  let told = 0
  const tell = async (text) => {
    // Titles and subagents are halted at the same moment: one word is enough.
    if (Date.now() - told < 2000) return
    told = Date.now()
    try {
      if (process.argv.includes("run")) process.stderr.write(`${text}\n`)
      await client.tui.showToast({ body: { title: "aifinops", message: text, variant: "error", duration: 15000 } })
    } catch {}
  }
  return {
    // Comes before every model call; the last call's tokens are in the database by then.
    "chat.params": async (input) => {
      let answer, agent
      try {
        agent = typeof input.agent === "string" ? input.agent : input.agent?.name
        answer = await ask({ hook_event_name: "chat.params", session_id: input.sessionID, cwd: directory, agent })
      } catch {}
      if (answer?.halt !== true) return
      const text = String(answer.text)
      let aborted = false
      try {
        aborted = (await client.session.abort({ path: { id: input.sessionID } }))?.data === true
      } catch {}
      await tell(text)
      // Titles and summaries are made beside the session and know nothing of its end: they take an error. For the session
      // itself an error is the last resort; it ends the turn, too, with poorer words.
      if (!aborted || agent === "title" || agent === "summary") throw new Error(text)
    },
  }
}
