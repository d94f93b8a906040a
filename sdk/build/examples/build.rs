//! Builds the contract in a folder: `cargo run -p althing-build --example build -- FOLDER PACKAGE [TARGET_DIR]`.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, package, rest @ ..] = arguments.as_slice() else {
        return Err("usage: build FOLDER PACKAGE [TARGET_DIR]".into());
    };
    let manifest = Path::new(folder).join("Cargo.toml");
    let target_dir = rest.first().map_or_else(|| Path::new(folder).join("target/wasm"), PathBuf::from);
    let toolchain = althing_build::find_toolchain()?;
    let request = althing_build::Request {
        manifest,
        packages: vec![package.clone()],
        target_dir: althing_build::target_dir(&target_dir),
        locked: false,
        output: althing_build::Output::Shown,
    };
    for module in althing_build::build(&toolchain, &request)? {
        let size = std::fs::metadata(&module.path)?.len();
        println!("{} {} bytes ({:?}, {})", module.path.display(), size, toolchain.route, toolchain.version);
    }
    Ok(())
}
