//! Looks at mappings: those that are made for products, and those of a document that Entra exported.
//!
//! ```sh
//! cargo run --example mappings                                          # pingone, aic and a mapping from headers
//! cargo run --example mappings -- tests/data/schemas/outbound-scim-users-and-groups.json
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entrant::expr::Context;
use entrant::mapping::synchronization::SynchronizationSchema;
use entrant::mapping::{AbsentMeans, Mapped, Mapping};
use entrant::model::ObjectId;
use entrant::{Record, Value};

/// Shows mappings, and what they make of a person
#[derive(Parser)]
struct Flags {
    /// A synchronizationSchema, as Microsoft Graph gives it; without one the mappings of products are shown
    document: Option<PathBuf>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let shown = match &flags.document {
        Some(path) => document(path),
        None => products(),
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with a document, or what it maps and what of it is not used.
fn document(path: &PathBuf) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let document = SynchronizationSchema::from_json(&text).map_err(|error| error.render())?;
    for warning in document.warnings() {
        println!("{}\n", warning.render());
    }
    for own in document.mappings().map_err(|error| error.render())? {
        let switched = if own.enabled { "on" } else { "off" };
        println!("{} of rule {}, switched {switched}, may {:?}", own.place, own.rule, own.flow_types);
        println!("{}\n", own.mapping);
        let compiled = own.mapping.compile(&own.target, AbsentMeans::Unknown).map_err(|error| error.to_string())?;
        if !compiled.parameters().is_empty() {
            println!("parameters to be given: {:?}\n", compiled.parameters());
        }
    }
    let unused = document.unused();
    println!("kept, and not used here: {} members", unused.len());
    for member in unused.iter().take(10) {
        println!("  {member}");
    }
    Ok(())
}

/// The mappings that are made for products, and AIC's at work.
fn products() -> Result<(), String> {
    let headers = Mapping::from_headers(&["Employee ID", "First Name", "Last Name", "Work Email", "Shoe Size"]);
    println!("{}\n", Mapping::pingone().constant("country", "Germany"));
    println!("{}\nnot recognised: {:?}\n", headers.mapping, headers.unrecognised);
    let mapping = Mapping::aic();
    println!("{mapping}");
    let compiled = mapping.compile(&Mapping::aic_schema(), AbsentMeans::Unknown).map_err(|error| error.to_string())?;
    let user = Record::new(ObjectId::user("1"))
        .with("userPrincipalName", "scarter@contoso.onmicrosoft.com")
        .with("mail", "scarter@example.com")
        .with("displayName", "Sam Carter")
        .with("givenName", "Sam")
        .with("surname", "Carter");
    let Mapped::Flows(flows) = compiled.evaluate(&user, &Context::new(time::OffsetDateTime::UNIX_EPOCH)) else {
        return Err("the person is left out".to_owned());
    };
    for flow in &flows {
        println!("  {} = {}", flow.attribute, compiled.on_create(flow).unwrap_or(Value::Null));
    }
    Ok(())
}
