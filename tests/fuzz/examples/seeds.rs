//! Writes the seeds of every target into `corpus/TARGET`, where `cargo fuzz run` looks for them.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for target in althing_fuzz::targets() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in althing_fuzz::seeds::seeds(target.name) {
            fs::write(folder.join(format!("seed_{name}")), bytes)?;
        }
    }
    Ok(())
}
