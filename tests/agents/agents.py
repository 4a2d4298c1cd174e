"""The agents: how each is set up against the mock, and how it is given a prompt."""
import json

PORT = 8399


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class Agent:
    """One agent: how it is set up and how it is given a prompt."""
    model, subagent = "mock-model", "general-purpose"
    # What its requests to the mock are known by.
    wire = ""

    def __init__(self, home, program):
        self.home, self.program = home, program

    def setup(self):
        pass

    def env(self):
        return {}


class Claude(Agent):
    guard, program_name, model = "claude-code", "claude", "claude-sonnet-4-5"
    wire = "/messages"
    settings = [".claude/settings.json"]

    def setup(self):
        write(self.home / self.settings[0], '{\n  "cleanupPeriodDays": 30,\n  "hooks": {\n    "Stop": []\n  }\n}\n')

    def env(self):
        return {"ANTHROPIC_API_KEY": "sk-ant-none", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PORT}", "DISABLE_AUTOUPDATER": "1",
                "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1"}

    def command(self, prompt, again):
        more = ["--continue"] if again else []
        return [self.program, "-p", prompt, *more, "--model", self.model, "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]


class Codex(Agent):
    guard, program_name, model = "codex", "codex", "gpt-5.2-codex"
    wire = "/responses"
    settings = [".codex/config.toml", ".codex/hooks.json"]

    def setup(self):
        write(self.home / self.settings[0], f'''# The mock's settings.
model = "{self.model}"
model_provider = "mock"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.mock]
name = "mock" # on loopback
base_url = "http://127.0.0.1:{PORT}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"''')

    def env(self):
        return {"MOCK_KEY": "none"}

    def command(self, prompt, again):
        flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
        return [self.program, "exec", *(["resume", "--last"] if again else []), *flags, prompt]


class CodexCode(Codex):
    """Models that use their tools from code."""
    model = "gpt-5.6-sol"


class Gemini(Agent):
    guard, program_name, model = "gemini-cli", "gemini", "gemini-2.5-pro"
    wire = "/models/"
    settings = [".gemini/settings.json"]

    def setup(self):
        write(self.home / self.settings[0], '''{
  // The mock's settings.
  "security": {"auth": {"selectedType": "gemini-api-key"}},
  "general": {"enableAutoUpdate": false},
  "privacy": {"usageStatisticsEnabled": false} // nothing leaves
}
''')

    def env(self):
        return {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{PORT}", "GEMINI_CLI_TRUST_WORKSPACE": "true",
                "GEMINI_TELEMETRY_ENABLED": "false"}

    def command(self, prompt, again):
        more = ["--resume", "latest"] if again else []
        return [self.program, "-p", prompt, *more, "-m", self.model, "--yolo", "--output-format", "stream-json"]


class OpenCode(Agent):
    guard, program_name, subagent = "opencode", "opencode", "general"
    wire = "/chat/completions"
    settings = [".config/opencode/opencode.json", ".config/opencode/plugin/aifinops.js"]

    def setup(self):
        models = {self.model: {"name": "Mock", "limit": {"context": 200000, "output": 8192}, "cost": {"input": 5, "output": 25}}}
        options = {"baseURL": f"http://127.0.0.1:{PORT}/v1", "apiKey": "none"}
        write(self.home / self.settings[0], json.dumps({
            "$schema": "https://opencode.ai/config.json", "autoupdate": False, "share": "disabled", "permission": "allow", "model": f"mock/{self.model}",
            "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "mock", "options": options, "models": models}}}, indent=1))

    def env(self):
        # It fetches a package for plugins at its start and waits for that: 70 seconds without a network, none with a "no".
        return {"npm_config_registry": f"http://127.0.0.1:{PORT}/", "npm_config_fetch_retries": "0", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_SHARE": "1"}

    def command(self, prompt, again):
        return [self.program, "run", *(["--continue"] if again else []), "--format", "json", prompt]


AGENTS = {"claude": Claude, "codex": Codex, "codex-code": CodexCode, "gemini": Gemini, "opencode": OpenCode}


def of_word(word):
    """`claude` or `claude@2.1.330`: the agent, and the directory in which install.sh puts it."""
    name, _, version = word.partition("@")
    kind = AGENTS[name]
    return kind, kind.program_name + (f"@{version}" if version else "")
