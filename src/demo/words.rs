//! What people ask and what tools print.

/// Prompts of the back end's developer.
pub(super) const API: &[&str] = &[
    "Add proration to the invoice endpoint and cover it with tests.",
    "Move the tax rules out of the handler.",
    "Make the webhook idempotent.",
    "Write the migration for the new plan table.",
];
/// Prompts of the front end's developer.
pub(super) const WEB: &[&str] = &[
    "The settings page flickers on load; find out why and fix it.",
    "Replace the date picker by the one of our design system.",
    "Add a loading state to the order list.",
];
/// What began the loop that does not end.
pub(super) const FLAKY: &[&str] =
    &["The checkout test fails now and then. Look at how it is set up.", "Run the checkout test until it is green and fix what you find."];
/// Prompts of whoever looks after the servers.
pub(super) const INFRA: &[&str] = &[
    "Which of our modules still pin the old provider?",
    "Prepare the plan for the new staging cluster, but do not apply it.",
    "Apply it to staging and show me what changed.",
    "Now write down how to roll back.",
];
/// Prompts for any project.
pub(super) const ANY: &[&str] = &[
    "Fix the failing build.",
    "Update the dependencies and see what breaks.",
    "Explain how retries work here, then simplify them.",
    "Add tests for the parser's edge cases.",
    "Speed up the import job.",
];
/// Prompts of whoever writes the documentation; the first is a slash command.
pub(super) const DOCS: &[&str] = &["<command-name>/review</command-name>\n<command-args></command-args>", "Shorten the introduction."];
/// Files of any project.
pub(super) const FILES: &[&str] =
    &["src/main.ts", "src/routes/invoices.ts", "src/config.ts", "src/lib/cache.ts", "tests/orders.test.ts", "README.md", "package.json"];
/// Commands of any project.
pub(super) const COMMANDS: &[&str] =
    &["npm test --silent", "git diff --stat", "npm run build", "git log --oneline -5", "npx tsc --noEmit", "ls src"];
/// The command of the loop that does not end.
pub(super) const STUCK: &str = "npx vitest run checkout";
/// What it prints every time.
pub(super) const STUCK_OUTPUT: &str = "Exit code 1\n FAIL  checkout > charges the card once\nExpected: 1\nReceived: 2";
/// A tool's failure.
pub(super) const FAILED: &[&str] =
    &["Exit code 1\n2 tests failed, 41 passed", "Exit code 2\nerror TS2345: types do not match", "Exit code 127\ncommand not found"];
/// A tool's success.
pub(super) const DONE: &[&str] = &["ok", "43 tests passed", "3 files changed", "no output", "The file has been updated."];
/// An answer.
pub(super) const ANSWERS: &[&str] = &[
    "Done. The tests pass; the change is in two files.",
    "That was a missing await. Fixed, with a test for it.",
    "It is ready. Do you want me to go on with the next part?",
    "Here is the plan. I have not changed anything yet.",
];
/// What a subagent is asked.
pub(super) const EXPLORE: &str = "Find every place where the billing period is worked out, and how each rounds.";
