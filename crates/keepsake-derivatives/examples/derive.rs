//! Writes the derivatives of each given image beside the current directory's files and prints a table.
//! Shows the use of the crate; it is no product.
//!
//! ```text
//! cargo run -p keepsake-derivatives --example derive -- PHOTO…
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use keepsake_derivatives::{Limits, derive_from};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        ALLOCATOR.reset_peak_usage();
        let begun_at = Instant::now();
        let derived = derive_from(BufReader::new(File::open(path)?), &Limits::default())?;
        let (millis, peak_bytes) = (begun_at.elapsed().as_millis(), ALLOCATOR.peak_usage());
        println!("{}: {:?}, {millis} ms, peak {peak_bytes} bytes", path.display(), derived.original);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        for made in derived.iter() {
            let extension = made.mime_type.trim_start_matches("image/");
            println!(
                "  {:<12} {:>4} x {:<4} {:>8} bytes",
                made.kind.to_string(),
                made.width,
                made.height,
                made.bytes.len()
            );
            fs::write(format!("{stem}.{}.{extension}", made.kind), &made.bytes)?;
        }
    }
    Ok(())
}
