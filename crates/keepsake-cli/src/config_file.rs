//! `keepsake serve --config FILE`: the options of `serve` in a file of [TOML](https://toml.io).
//!
//! Owns how the file becomes options: each key is the name of one, with `_` or `-`, so the file knows no more and no less than
//! the command line, and refuses the same values. What the command line or the environment says wins.

use crate::args::Arguments;
use clap::builder::Resettable;
use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Parser};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Options of all commands that a file may hold too.
const OF_ALL_COMMANDS: [&str; 1] = ["canister"];

/// Longest file, bytes: a device that gives bytes for ever is none.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the file cannot say.
const OF_THE_COMMAND_LINE: [&str; 2] = ["config", "help"];

/// The arguments, with those of the file that they name.
///
/// # Errors
/// An argument that cannot be used; one from the file is told with its name.
pub(crate) fn parse(given: impl IntoIterator<Item = OsString>) -> Result<Arguments, Error> {
    let given: Vec<_> = given.into_iter().collect();
    let command = without_demands(Arguments::command());
    let matches = command.clone().try_get_matches_from(&given);
    let Ok(matches) = &matches else { return Arguments::try_parse_from(given) };
    let Some(("serve", serve)) = matches.subcommand() else { return Arguments::try_parse_from(given) };
    let Some(path) = serve.get_one::<PathBuf>("config") else { return Arguments::try_parse_from(given) };
    let more =
        read(path).and_then(|table| options(&table, &command, serve)).map_err(|why| told(path, &why))?;
    let all = given.into_iter().chain(more.into_iter().map(OsString::from));
    Arguments::try_parse_from(all).map_err(|error| {
        let text = error.render().to_string();
        // Up to how the command line is written.
        let lines = text.trim_start_matches("error: ").lines().map(str::trim);
        told(path, &lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
    })
}

/// The same command where nothing has to be there yet: the file may have it.
fn without_demands(command: Command) -> Command {
    command.mut_subcommand("serve", |serve| {
        serve.mut_args(|arg| arg.required(false).requires(Resettable::<clap::Id>::Reset))
    })
}

fn told(path: &Path, why: &str) -> Error {
    Error::raw(ErrorKind::ValueValidation, format!("in {}: {why}\n", path.display()))
}

fn read(path: &Path) -> Result<Table, String> {
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let read = read.map_err(|error| format!("it cannot be read: {error}"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes: that is no file of settings"));
    }
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line} is no TOML: {}", error.message())
    })
}

/// What the file says as arguments, but for what is said already.
fn options(table: &Table, command: &Command, serve: &ArgMatches) -> Result<Vec<String>, String> {
    let (mut options, mut seen) = (Vec::new(), BTreeSet::new());
    for (key, value) in table {
        let name = key.replace('_', "-");
        let arg = find(command, &name).ok_or_else(|| {
            format!("there is no setting {key:?}: `keepsake serve --help` lists them, without the dashes")
        })?;
        if !seen.insert(name.clone()) {
            return Err(format!("{key:?} is there twice, once with _ and once with -"));
        }
        let is_said = matches!(
            serve.value_source(arg.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        let said = option(arg, &name, value).map_err(|why| format!("{key:?}: {why}"))?;
        if !is_said {
            options.extend(said);
        }
    }
    Ok(options)
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let of_serve = command.find_subcommand("serve").into_iter().flat_map(Command::get_arguments);
    let of_all = command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(|long| OF_ALL_COMMANDS.contains(&long)));
    of_serve
        .chain(of_all)
        .filter(|arg| arg.get_long().is_some_and(|long| !OF_THE_COMMAND_LINE.contains(&long)))
        .find(|arg| arg.get_long() == Some(name))
}

fn option(arg: &Arg, name: &str, value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(format!("--{name}={text}")),
        Value::Integer(number) => Ok(format!("--{name}={number}")),
        other => Err(format!("it is {}: write a text or a whole number", kind(other))),
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![format!("--{name}")]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, other) => Err(format!("it is {}: write true or false", kind(other))),
        (ArgAction::Append, Value::Array(values)) => values.iter().map(one).collect(),
        (_, value) => Ok(vec![one(value)?]),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command as Asked, Controller, Serve};

    /// What `serve` gets by these arguments and a file with this text.
    fn serve(text: &str, given: &[&str]) -> Result<Serve, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let start = ["keepsake", "serve", "--config", file.path().to_str().unwrap()];
        let given = start.iter().chain(given).map(OsString::from);
        let arguments = parse(given).map_err(|error| error.to_string())?;
        match arguments.command {
            Asked::Serve(serve) => Ok(*serve),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_options_can_be_in_the_file_and_the_command_line_wins() {
        let text = "
            data = 'photos'
            listen = '0.0.0.0:8443'
            host = ['photos.home', 'nas']
            tls_cert = 'cert.pem'
            tls-key = 'key.pem'
            heap_bytes_max = '2TB'
            sessions-per-caller-max = 7
            controller = 'none'
            log_json = true
            canister = 'aaaaa-aa'
        ";
        let told = serve(text, &[]).unwrap();
        assert_eq!((told.data.to_str(), told.listen.port()), (Some("photos"), 8443));
        assert_eq!(told.host, ["photos.home", "nas"]);
        assert!(told.tls_cert.is_some() && told.tls_key.is_some() && told.log_json);
        assert_eq!((told.heap_bytes_max, told.sessions_per_caller_max), (Some(2_000_000_000_000), Some(7)));
        assert_eq!(told.controller, [Controller::Nobody]);
        let given = ["--listen", "127.0.0.1:1", "--host", "other", "--heap-bytes-max", "1MiB", "--data", "d"];
        let told = serve(text, &given).unwrap();
        assert_eq!((told.data.to_str(), told.listen.port()), (Some("d"), 1));
        assert_eq!((told.host, told.heap_bytes_max), (vec!["other".to_owned()], Some(1 << 20)));
    }

    #[test]
    fn every_option_of_serve_has_a_key() {
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        let of_file = |arg: &&Arg| !OF_THE_COMMAND_LINE.contains(&arg.get_long().unwrap());
        for arg in serve.get_arguments().filter(of_file) {
            assert!(find(&command, arg.get_long().unwrap()).is_some(), "{arg}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_file_is_told_by_its_name() {
        for (text, why) in [
            ("heap_byte_max = 1", "there is no setting \"heap_byte_max\""),
            ("config = 'x'", "there is no setting \"config\""),
            ("node = 'x'", "there is no setting \"node\""),
            ("heap_bytes_max = 'much'", "'--heap-bytes-max <SIZE>': write a whole number"),
            ("heap_bytes_max = 1.5", "\"heap_bytes_max\": it is a number with a point"),
            ("heap_bytes_max = -1", "--heap-bytes-max"),
            ("listen = 'here'", "--listen"),
            ("listen = ['127.0.0.1:1']", "\"listen\": it is a list"),
            ("log_json = 1", "\"log_json\": it is a whole number: write true or false"),
            ("host = [true]", "\"host\": it is true or false"),
            ("tls_cert = 'cert.pem'", "--tls-key"),
            ("tls_key = 'a'\ntls-key = 'b'", "is there twice"),
            ("[serve]\nlisten = 'x'", "there is no setting \"serve\""),
            ("\nlisten", "line 2 is no TOML"),
            ("listen = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "line 2 is no TOML"),
        ] {
            let told = serve(text, &["--data", "d"]).unwrap_err();
            assert!(told.contains(why) && told.contains("in /"), "{text}: {told}");
        }
        assert!(
            serve("", &[]).unwrap_err().contains("--data") || std::env::var_os("KEEPSAKE_DATA").is_some()
        );
        let told = parse(["keepsake", "serve", "--config", "no-such-file"].map(OsString::from)).unwrap_err();
        assert!(told.to_string().contains("in no-such-file: it cannot be read"), "{told}");
    }

    #[test]
    fn a_device_that_never_ends_is_no_file_of_settings() {
        let told = parse(["keepsake", "serve", "--config", "/dev/zero"].map(OsString::from)).unwrap_err();
        assert!(told.to_string().contains("it is longer than 1048576 bytes"), "{told}");
    }

    #[test]
    fn nobody_is_made_a_controller() {
        for nobody in ["2vxsx-fae", "aaaaa-aa"] {
            let told = serve(&format!("data = 'd'\ncontroller = '{nobody}'"), &[]).unwrap_err();
            assert!(told.contains("nobody has the key of this principal"), "{told}");
        }
    }
}
