//! Has this program built again when the web app that it takes in was. Owns no build of the app: `npm run build` in `web/`
//! does that.

use std::path::Path;

const APP: &str = "../../web/packages/app";

fn main() {
    let built = format!("{APP}/dist");
    // A path that is not there would have this program built anew each time.
    let watched = if Path::new(&built).exists() { &built } else { APP };
    println!("cargo::rerun-if-changed={watched}");
}
