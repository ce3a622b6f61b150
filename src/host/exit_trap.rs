//! The EXIT trap that runs `post` in the last moment in which a GitLab job's server is alive everywhere.
//!
//! Owns its shell code. On container executors nothing survives into `after_script`, so the shell that
//! started the server must end it. The trap can never change the job's exit code: the code is saved first, and
//! `errexit` is off. A signal that comes later changes nothing: the shell runs its trap between two commands
//! of ours, and an `exit` there would skip `post`.
//!
//! A later EXIT trap of the job replaces this one in silence; `after_script` is the second attempt.
//!
//! In zsh an EXIT trap set inside a function fires at the end of that function: the code is not to be
//! evaluated in one; and zsh 5.9 fires none when `errexit` ends it inside a function. No runner starts ksh,
//! where the promise is weaker: ksh93 makes 15 of the 143 of a TERM trap, and mksh may skip the EXIT trap
//! when a signal ends the shell and its command at once.
//!
//! Source: GitLab Runner 19.3 `shells/bash.go`; tests run the code in bash, dash, busybox ash and zsh.

use super::After;
use super::handover::{Refusal, path_text};
use super::shell::Shell;

/// The lines that install the trap, or why a path in them cannot be written.
///
/// Without traps for signals dash, ash and zsh would end without an EXIT trap, and bash would give it 0 as the code.
pub(super) fn render(after: &After) -> Result<String, Refusal> {
    let program = Shell::Posix.quote(path_text(&after.program)?);
    let state = Shell::Posix.quote(path_text(&after.state)?);
    let handler = format!(
        "sccache_step_code=$?\n\
         trap - EXIT\n\
         set +e\n\
         {program} post --state {state} || :\n\
         exit \"$sccache_step_code\""
    );
    let mut code = format!("sccache_step_code=\ntrap {} EXIT\n", Shell::Posix.quote(&handler));
    for (signal, number) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let command = format!("test -n \"$sccache_step_code\" || exit {number}");
        code.push_str(&format!("trap {} {signal}\n", Shell::Posix.quote(&command)));
    }
    Ok(code)
}
