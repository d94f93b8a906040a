//! `althing registrar`: claims and entries of registrars in contract `bootstrap`.

use super::{
    Context,
    bootstrap::{base_urls, changed, key, missing},
    send,
};
use crate::{
    args::{RegistrarCommand, RegistrarSet},
    ca::date,
    chain::typed,
    error::{CliError, Result},
    output::table,
};
use althing_interface::{
    bootstrap::{
        Accreditation, Apply, Approve, DeleteRegistrar, Registrar, RegistrarData, RegistrarStatus, Revoke, SetRegistrar,
    },
    layout,
};
use althing_types::{codec::Text, hash::Hash};
use serde::Serialize;

/// Runs a command of `althing registrar`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &RegistrarCommand) -> Result<()> {
    match command {
        RegistrarCommand::Apply { id, sign } => {
            let outcome = send::call(context, &context.chain().await?, sign, &Apply { id: *id }).await?;
            done(
                context,
                *id,
                "claimed; who keeps the list approves it: althing registrar approve ORGANISATION ID",
                outcome.hash,
                outcome.height,
            )
        }
        RegistrarCommand::Approve { organisation, id, sign } => {
            let call = Approve { organisation: organisation.clone(), id: *id };
            let outcome = send::call(context, &context.chain().await?, sign, &call).await?;
            done(context, *id, "approved", outcome.hash, outcome.height)
        }
        RegistrarCommand::Revoke { organisation, sign } => {
            let call = Revoke { organisation: organisation.clone() };
            let outcome = send::call(context, &context.chain().await?, sign, &call).await?;
            changed(context, &outcome)
        }
        RegistrarCommand::Set(options) => set(context, options).await,
        RegistrarCommand::Delete { sign } => {
            let outcome = send::call(context, &context.chain().await?, sign, &DeleteRegistrar {}).await?;
            changed(context, &outcome)
        }
        RegistrarCommand::Show { id } => show(context, *id).await,
    }
}

fn done(context: &Context, id: u32, state: &'static str, transaction: Hash, height: u64) -> Result<()> {
    #[derive(Serialize)]
    struct Claimed {
        id: u32,
        state: &'static str,
        transaction: Hash,
        height: u64,
    }
    context.output.print(&Claimed { id, state, transaction, height }, |c| {
        table(&[("registrar", c.id.to_string()), ("claim", c.state.into()), ("block", c.height.to_string())])
    })
}

fn text<const MAX: usize>(option: &'static str, value: &str) -> Result<Text<MAX>> {
    Text::new(value).map_err(|_| {
        CliError::usage("bad_text", format!("{option} is too long"))
            .field(option)
            .value(value)
            .rule(format!("at most {MAX} bytes"))
    })
}

async fn set(context: &Context, options: &RegistrarSet) -> Result<()> {
    let data = RegistrarData {
        country: text("--country", &options.country)?,
        contact: text("--contact", &options.contact)?,
        link: text("--link", &options.link)?,
        urls: base_urls("--url", &options.urls)?,
    };
    let outcome = send::call(context, &context.chain().await?, &options.sign, &SetRegistrar { data }).await?;
    changed(context, &outcome)
}

async fn show(context: &Context, id: u32) -> Result<()> {
    #[derive(Serialize)]
    struct Shown {
        id: u32,
        accreditation: Option<Accreditation>,
        registrar: Option<Registrar>,
    }
    let chain = context.chain().await?;
    let keys = [key(&layout::accreditation_key(id))?, key(&layout::registrar_key(id))?];
    let entries = chain.read(&keys, None).await?;
    let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
    let accreditation = typed::<Accreditation>("accreditation", value(0))?;
    let registrar = typed::<Registrar>("registrar", value(1))?;
    if accreditation.is_none() && registrar.is_none() {
        return missing("registrar", id.to_string());
    }
    context.output.print(&Shown { id, accreditation, registrar }, |shown| {
        let listed = shown.accreditation.as_ref();
        let status = match listed.map(|listed| listed.status) {
            Some(RegistrarStatus::Accredited) => "accredited",
            Some(RegistrarStatus::Reserved) => "reserved",
            Some(RegistrarStatus::Terminated) => "terminated",
            None => "not on the list",
        };
        let mut rows = vec![
            ("registrar", shown.id.to_string()),
            ("name", listed.map_or("-".into(), |listed| listed.name.to_string())),
            ("status", status.into()),
        ];
        match &shown.registrar {
            Some(registrar) => {
                let data = &registrar.data;
                let urls: Vec<&str> = data.urls.iter().map(|url| url.as_str()).collect();
                rows.extend([
                    ("country", data.country.to_string()),
                    ("contact", data.contact.to_string()),
                    ("link", data.link.to_string()),
                    ("base urls", urls.join(" ")),
                    ("by", registrar.by.to_string()),
                    ("changed", format!("{} (height {})", date(registrar.changed_ms), registrar.changed)),
                ]);
            }
            None => rows.push(("entry", "none".into())),
        }
        table(&rows)
    })
}
