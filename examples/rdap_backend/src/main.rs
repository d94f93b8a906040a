//! `rdap-backend`: loads sample data into a SQLite file and serves it as a registry or as a registrar.

use anyhow::Context as _;
use clap::Parser;
use rdap_backend::{
    answers::Side,
    serve::{Server, router},
    store::Store,
};
use std::{net::SocketAddr, path::PathBuf, sync::Mutex};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The RDAP server of a registry or of a registrar over a SQLite database, for trials on one machine.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  rdap-backend --side registry --database registry.sqlite --load sample.json --listen 127.0.0.1:8600\n  rdap-backend --side registrar --database registrar.sqlite --listen 127.0.0.1:8601\n\nSIGINT and SIGTERM end it."
)]
struct Arguments {
    /// Whose server it is.
    #[arg(long, value_enum)]
    side: Side,
    /// The database; it is made when it is not there.
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Domains to take over first, as JSON (see sample.json); those that are there are replaced.
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut store = Store::open(&arguments.database)?;
    if let Some(file) = &arguments.load {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let count = store.load(&text).with_context(|| format!("cannot load {}", file.display()))?;
        eprintln!("loaded {count} domains");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&arguments, store))
}

async fn serve(arguments: &Arguments, store: Store) -> anyhow::Result<()> {
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let base = format!("http://{}/", listener.local_addr()?);
    // The one line of output: a script reads from it where the server is.
    println!("{base}");
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let ended = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let server = Server { side: arguments.side, base, store: Mutex::new(store) };
    axum::serve(listener, router(server)).with_graceful_shutdown(ended).await?;
    Ok(())
}
