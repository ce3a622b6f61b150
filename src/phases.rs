//! The five arrows, one line each, and what goes to which stream.

mod cache;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;
use std::sync::Arc;

use crate::cli::{self, Arguments, OutputFormat, Phase};
use crate::doctor;
use crate::environment::{Environment, Variables};
use crate::error::{Error, ExitCode, Lines};
use crate::execute::{Voice, execute};
use crate::exports::Exports;
use crate::host::{self, After, Host, HostAdapter, Level, Output, Prominence, Shell};
use crate::inputs::{Annotations, Inputs};
use crate::observe::{self, Purpose, observe, variables};
use crate::outcome::Outcome;
use crate::plan::{self, Plan, ServerRole, Step};
use crate::process;
use crate::report::{Basis, Format, MergedFormat, Report};
use crate::server::supervise::supervise;
use crate::surfaces;

/// Does what the command line asks for, and tells the code to end with.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.len() == 2 && arguments[1] == cli::SUPERVISE {
        return ProcessExitCode::from(be_supervisor().number());
    }
    let is_run = arguments.get(1).is_some_and(|word| word == "run");
    let code = match cli::parse(arguments) {
        Ok(arguments) => dispatch(arguments),
        Err(error) => {
            // Help goes to standard output, a complaint to standard error; neither can be complained about.
            let _ = error.print();
            match (error.use_stderr(), is_run) {
                (false, _) => ExitCode::Fine,
                (true, true) => ExitCode::RunFailed,
                (true, false) => ExitCode::Usage,
            }
        }
    };
    ProcessExitCode::from(code.number())
}

fn dispatch(arguments: Arguments) -> ExitCode {
    match &arguments.phase {
        Phase::Completions(shell) => print(completions(shell)),
        Phase::Man(page) => print(manual_page(page.as_deref())),
        Phase::Merge { files, format } => Job::new(arguments.clone()).merge(files, format),
        Phase::Pre | Phase::Post | Phase::Run(_) | Phase::Stats | Phase::Cache(_) | Phase::Doctor => {
            Job::new(arguments).run()
        }
    }
}

/// Prints what was asked for. Half of it is not success.
fn print(text: String) -> ExitCode {
    let errors = write(&[Output::Stdout(text)]);
    errors.iter().for_each(|error| drop(write(&[Output::Stderr(format!("error: {error}\n"))])));
    if errors.is_empty() { ExitCode::Fine } else { ExitCode::Failed }
}

fn exported_names(outcome: &Outcome) -> Vec<String> {
    outcome.exports.variables.iter().map(|(name, _)| name.clone()).collect()
}

/// Puts a baseline into the place of what the cache remembers.
fn compare(inputs: &Inputs, environment: &Environment, report: &mut Report) -> Vec<Error> {
    let Some(path) = &inputs.baseline else { return Vec::new() };
    match surfaces::baseline(&environment.workspace.join(path)) {
        Ok(trend) => report.trend = trend,
        Err(error) => return vec![error],
    }
    Vec::new()
}

fn be_supervisor() -> ExitCode {
    match supervise() {
        Ok(()) => ExitCode::Fine,
        Err(error) => {
            write(&[Output::Stderr(format!("{error:#}\n"))]);
            ExitCode::Failed
        }
    }
}

fn completions(shell: &str) -> String {
    let mut script = Vec::new();
    if let Ok(shell) = shell.parse::<clap_complete::Shell>() {
        clap_complete::generate(shell, &mut cli::command(), "sccache-step", &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

fn manual_page(of: Option<&str>) -> String {
    let mut command = cli::command();
    // Only a built command knows its whole name, `sccache-step run`.
    command.build();
    let command = of.and_then(|name| command.find_subcommand(name).cloned()).unwrap_or(command);
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn write(outputs: &[Output]) -> Vec<Error> {
    host::perform(outputs)
}

/// One call of a phase.
struct Job {
    arguments: Arguments,
    variables: Variables,
    adapter: Box<dyn HostAdapter>,
    host: Host,
}

impl Job {
    fn new(arguments: Arguments) -> Self {
        let variables = variables();
        let host = Host::detect(&variables);
        let shell = arguments.shell.as_deref().and_then(Shell::parse);
        let adapter = host.adapter(&variables, shell);
        Self { arguments, variables, adapter, host }
    }

    fn run(&self) -> ExitCode {
        let inputs = match Inputs::resolve(&self.arguments.flags, &self.variables) {
            Ok(inputs) => inputs,
            Err(error) if self.arguments.phase == Phase::Post => return self.end_all_the_same(&error),
            Err(error) => return self.refuse(&error, Annotations::Problems),
        };
        self.go_on(&inputs)
    }

    /// `post` with a wrong input: what it needs is in the state file, and a server left behind helps nobody.
    fn end_all_the_same(&self, error: &Error) -> ExitCode {
        let code = self.refuse(error, Annotations::Problems);
        let only = |name: &str| name == "state" || name == "SCCACHE_STEP_STATE" || name == "INPUT_STATE";
        let flags = self.arguments.flags.iter().filter(|(name, _)| only(name));
        let variables = self.variables.iter().filter(|(name, _)| only(name));
        let owned = |(name, value): (&String, &String)| (name.clone(), value.clone());
        if let Ok(inputs) = Inputs::resolve(&flags.map(owned).collect(), &variables.map(owned).collect()) {
            self.go_on(&inputs);
        }
        code
    }

    /// Joins reports. One that cannot be read is a row and a warning; only none at all is a failure.
    fn merge(&self, files: &[PathBuf], format: &str) -> ExitCode {
        let voice = self.voice(Annotations::Problems);
        let (merged, troubles) = surfaces::merge(files);
        let failed = troubles.len() == files.len();
        let level = if failed { Level::Error } else { Level::Warning };
        troubles.iter().for_each(|trouble| voice.complain(level, trouble));
        let format = match format {
            "markdown" => MergedFormat::Markdown,
            "json" => MergedFormat::Json,
            _ => MergedFormat::Text,
        };
        let mut outputs = vec![Output::Stdout(merged.render(format))];
        outputs.extend(self.adapter.summary(&merged.render(MergedFormat::Markdown)));
        write(&outputs).iter().for_each(|error| voice.complain(Level::Warning, error));
        if failed { ExitCode::Failed } else { ExitCode::Fine }
    }

    fn go_on(&self, inputs: &Inputs) -> ExitCode {
        // Without handlers a signal ends us at once, and the supervisor, left alone, stops the server.
        let _ = process::cancellation().listen();
        let purpose = match self.arguments.phase {
            Phase::Pre | Phase::Doctor => Purpose::Job,
            Phase::Run(_) | Phase::Cache(_) => Purpose::Command,
            _ => Purpose::Ending,
        };
        let environment = observe(inputs, self.variables.clone(), self.host, purpose);
        if self.arguments.phase == Phase::Doctor {
            return self.examine(inputs, &environment);
        }
        if let Phase::Cache(action) = &self.arguments.phase {
            return self.cache(action, inputs, &environment);
        }
        let plan = match self.plan(inputs, &environment) {
            Ok(plan) => plan,
            Err(error) => return self.refuse(&error, inputs.annotations),
        };
        if self.arguments.dry_run {
            return print(match self.arguments.format {
                OutputFormat::Text => plan.to_string(),
                OutputFormat::Json => format!("{:#}\n", plan.to_json()),
            });
        }
        self.carry_out(plan, inputs, &environment)
    }

    fn examine(&self, inputs: &Inputs, environment: &Environment) -> ExitCode {
        let checks = doctor::examine(inputs, environment);
        let printed = print(match self.arguments.format {
            OutputFormat::Text => doctor::text(&checks),
            OutputFormat::Json => format!("{:#}\n", doctor::json(&checks)),
        });
        if printed == ExitCode::Fine { doctor::exit_code(&checks) } else { printed }
    }

    fn voice(&self, annotations: Annotations) -> Voice<'_> {
        let is_evaluated = self.arguments.format == OutputFormat::Text;
        Voice { adapter: &*self.adapter, annotations, is_evaluated }
    }

    fn plan(&self, inputs: &Inputs, environment: &Environment) -> Result<Plan, Arc<Error>> {
        match &self.arguments.phase {
            Phase::Pre => Ok(plan::pre(inputs, environment)?),
            Phase::Run(command) => Ok(plan::run(inputs, environment, command.clone())?),
            Phase::Stats => plan::stats(environment),
            _ => {
                let guest = host::saved_state(&self.variables, "role").as_deref() == Some("guest");
                let role = if guest { ServerRole::Guest } else { ServerRole::Owner };
                Ok(plan::post(inputs, environment, role))
            }
        }
    }

    fn carry_out(&self, plan: Plan, inputs: &Inputs, environment: &Environment) -> ExitCode {
        if matches!(self.arguments.phase, Phase::Post) {
            process::cancellation().defer();
        }
        let policy = plan.saved.as_ref().map(|state| state.policy.clone());
        let annotations = policy.as_ref().and_then(|policy| Annotations::parse(&policy.annotations));
        let annotations = annotations.unwrap_or(inputs.annotations);
        let voice = self.voice(annotations);
        let (phase, reports, fail_fast) = (plan.phase, plan.reports, plan.fail_fast);
        let reused = matches!(plan.steps.first(), Some(first) if matches!(first.step, Step::ReuseServer(_)));
        let pre_ms = plan.saved.as_ref().map(|state| state.pre_ms);
        let saved_exports = plan.saved.as_ref().map(|state| state.exported.clone());
        let began_unix_ms = plan.saved.as_ref().map_or(environment.now_unix_ms, |state| state.began_unix_ms);
        let saved_failure = plan.saved.as_ref().and_then(|state| state.failure.clone());
        let min_hit_rate_percent = match &policy {
            Some(policy) => policy.min_hit_rate_percent,
            None => inputs.min_hit_rate_percent,
        };
        let silent = self.host == Host::Local && phase != "pre" && phase != "run";
        let outcome = self.in_section(phase, silent, || execute(plan, environment, voice));
        let mut code = self.exit_code(&outcome);
        if phase == "pre" && outcome.statistics.is_some() {
            // A later use in the job: what the cache did so far.
            let report = Report::assemble(phase, &outcome, pre_ms, None, min_hit_rate_percent);
            let errors = surfaces::outputs(&*self.adapter, voice, &report);
            errors.iter().for_each(|error| voice.complain(Level::Warning, error));
        }
        if phase == "pre" {
            self.after_pre(&outcome, environment, voice, reused || outcome.joined, code);
        }
        if reports {
            let mut report = Report::assemble(phase, &outcome, pre_ms, saved_failure, min_hit_rate_percent);
            report.job = Some(environment.job.clone());
            if report.basis() == Basis::NothingCompiled {
                let exported = saved_exports.unwrap_or_else(|| exported_names(&outcome));
                report.clues = Some(observe::clues(environment, &exported, began_unix_ms));
            }
            let mut errors = compare(inputs, environment, &mut report);
            let summary = policy.as_ref().map_or(inputs.summary, |policy| policy.summary);
            errors.extend(self.show(&report, summary && phase != "stats", annotations));
            errors.extend(write(&surfaces::files(inputs, environment, &report)));
            if phase == "stats" {
                errors.extend(surfaces::outputs(&*self.adapter, voice, &report));
            }
            for error in errors {
                voice.complain(Level::Warning, &error);
                if fail_fast && code == ExitCode::Fine {
                    code = ExitCode::Failed;
                }
            }
        }
        code
    }

    /// The log of a phase, foldable where the host can.
    fn in_section(&self, phase: &str, silent: bool, body: impl FnOnce() -> Outcome) -> Outcome {
        if silent {
            return body();
        }
        let name = format!("sccache_step_{phase}");
        let title = format!("sccache-step {phase}");
        write(&self.adapter.open_section(&name, &title, crate::observe::unix_secs()));
        let outcome = body();
        write(&self.adapter.close_section(&name, crate::observe::unix_secs()));
        outcome
    }

    fn exit_code(&self, outcome: &Outcome) -> ExitCode {
        let code = outcome.exit_code();
        let is_run = matches!(self.arguments.phase, Phase::Run(_));
        match (code, process::cancellation().deferred_signal()) {
            // A server that was handed over stays, so what `pre` did stands, whatever came after it.
            (ExitCode::Fine, Some(signal)) if !is_run && self.arguments.phase != Phase::Pre => {
                Error::Interrupted { signal }.exit_code()
            }
            (ExitCode::Failed | ExitCode::Usage, _) if is_run => ExitCode::RunFailed,
            _ => code,
        }
    }

    /// What `pre` leaves besides the exports: outputs and state on GitHub, JSON where it was asked for, and
    /// for a shell that evaluates our output the failure that it would otherwise not see.
    fn after_pre(
        &self,
        outcome: &Outcome,
        environment: &Environment,
        voice: Voice<'_>,
        reused: bool,
        code: ExitCode,
    ) {
        let text = |value: Option<String>| value.unwrap_or_default();
        let server = outcome.server.as_ref();
        let outputs = [
            ("sccache", text(outcome.sccache.as_ref().map(|(path, _)| path.display().to_string()))),
            ("sccache-version", text(outcome.sccache.as_ref().map(|(_, version)| version.to_string()))),
            ("server-pid", text(server.map(|server| server.server.pid.to_string()))),
            ("server-address", text(server.map(|server| server.address.to_string()))),
            ("state", environment.state_path.display().to_string()),
            (
                "cache-dir",
                text(server.and_then(|s| s.cache_dir.as_ref()).map(|dir| dir.display().to_string())),
            ),
        ];
        let role = if reused { "guest" } else { "owner" };
        let told = outputs.into_iter().filter(|(_, value)| !value.is_empty());
        let told: Vec<(String, String)> = told.map(|(name, value)| (name.to_owned(), value)).collect();
        let mut errors = voice.hand_over(&self.adapter.outputs(&told));
        errors.extend(voice.hand_over(&self.adapter.save_state(&[("role".to_owned(), role.to_owned())])));
        if self.arguments.format == OutputFormat::Json {
            errors.extend(write(&[Output::Stdout(format!("{:#}\n", outcome.to_json("pre")))]));
        } else if code != ExitCode::Fine {
            errors.extend(self.print_failure(code, voice));
        }
        errors.iter().for_each(|error| voice.complain(Level::Warning, error));
    }

    /// For a shell that evaluates our output, and would not see our exit code.
    fn print_failure(&self, code: ExitCode, voice: Voice<'_>) -> Vec<Error> {
        let after = After { program: PathBuf::new(), state: PathBuf::new(), failure: Some(code.number()) };
        voice.hand_over(&self.adapter.export(&Exports::default(), &after))
    }

    /// Shows the report: the log or standard output, the summary, and one annotation with the verdict.
    fn show(&self, report: &Report, summary: bool, annotations: Annotations) -> Vec<Error> {
        let format = match self.arguments.format {
            OutputFormat::Text => Format::Text,
            OutputFormat::Json => Format::Json,
        };
        let is_run = matches!(self.arguments.phase, Phase::Run(_));
        let text = if format == Format::Text && surfaces::takes_colour(&self.variables, is_run) {
            report.coloured()
        } else {
            format.renderer().render(report)
        };
        // The standard output of `run` is its command's.
        let mut outputs = match self.arguments.phase {
            Phase::Run(_) => vec![Output::Stderr(text)],
            _ => vec![Output::Stdout(text)],
        };
        if annotations == Annotations::All {
            let lines = Lines { what: report.headline(), cause: String::new(), help: String::new() };
            outputs.extend(self.adapter.message(Level::Notice, &lines, Prominence::Annotation));
        }
        if summary {
            outputs.extend(self.adapter.summary(&Format::Markdown.renderer().render(report)));
        }
        write(&outputs)
    }

    /// A wrong input, or `stats` without a server: nothing was begun.
    fn refuse(&self, error: &Error, annotations: Annotations) -> ExitCode {
        let voice = self.voice(annotations);
        voice.complain(Level::Error, error);
        let code = match self.arguments.phase {
            Phase::Run(_) => ExitCode::RunFailed,
            _ => error.exit_code(),
        };
        if self.arguments.phase == Phase::Pre && self.arguments.format == OutputFormat::Text {
            let _ = self.print_failure(code, voice);
        }
        code
    }
}
