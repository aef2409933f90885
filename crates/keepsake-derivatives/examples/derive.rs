//! Makes the derivatives of files and says what came out, one line of JSON for each file.
//!
//! Owns the command line only: other programs compare their own derivatives with these.
//!
//! ```text
//! derive FOLDER FILE…     writes FOLDER/{name}.display.jpg, .thumbnail.jpg, .placeholder.jpg (or .png)
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use keepsake_derivatives::{Derivative, DeriveError, Limits, derive_from};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: derive FOLDER FILE…");
        return ExitCode::from(2);
    };
    for file in arguments {
        match derive_file(&file, &folder) {
            Ok(line) => println!("{line}"),
            Err(error) => {
                println!(r#"{{"file":{},"error":{}}}"#, quoted(&file.display()), quoted(&error));
            }
        }
    }
    ExitCode::SUCCESS
}

fn derive_file(file: &Path, folder: &Path) -> Result<String, DeriveError> {
    let made = derive_from(BufReader::new(File::open(file)?), &Limits::default())?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let written: io::Result<Vec<String>> =
        made.iter().map(|derivative| write(derivative, &name, folder)).collect();
    let original = made.original;
    Ok(format!(
        r#"{{"file":{},"width":{},"height":{},"orientation":{},"mimeType":{},"derivatives":[{}]}}"#,
        quoted(&file.display()),
        original.width,
        original.height,
        original.orientation,
        quoted(&original.mime_type),
        written?.join(","),
    ))
}

fn write(derivative: &Derivative, name: &str, folder: &Path) -> io::Result<String> {
    let ending = if derivative.mime_type == "image/png" { "png" } else { "jpg" };
    let path = folder.join(format!("{name}.{}.{ending}", derivative.kind));
    fs::write(&path, &derivative.bytes)?;
    Ok(format!(
        r#"{{"kind":{},"path":{},"mimeType":{},"width":{},"height":{},"bytes":{}}}"#,
        quoted(&derivative.kind),
        quoted(&path.display()),
        quoted(&derivative.mime_type),
        derivative.width,
        derivative.height,
        derivative.bytes.len(),
    ))
}

/// A JSON string; control characters become spaces.
fn quoted(text: &impl std::fmt::Display) -> String {
    let text = text.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace(char::is_control, " "))
}
