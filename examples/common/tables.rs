//! Tables of people and groups as one source, with the mappings that fit them.

use std::path::{Path, PathBuf};

use entrant::adapters::{CsvMemberships, CsvSource, Entra, JsonlSource};
use entrant::mapping::synchronization::{FlowTypes, SynchronizationSchema};
use entrant::mapping::{AbsentMeans, CompiledMapping};
use entrant::model::{Class, Name};
use entrant::store::ByClass;
use entrant::{Error, ErrorKind, Mapping, Result, Source, Target};
use serde_json::{Value, json};

use super::files::{is_json_lines, read};

/// Which files there are.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    pub(crate) users: &'a Path,
    pub(crate) key: Option<&'a str>,
    pub(crate) groups: Option<&'a Path>,
    pub(crate) members: Option<&'a Path>,
    /// A synchronizationSchema in place of the headers.
    pub(crate) mapping: Option<&'a Path>,
    pub(crate) adopt_groups_by_name: bool,
    pub(crate) members_may_be_empty: bool,
}

/// The files as one source, and how they are mapped.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) source: ByClass,
    pub(crate) people: Table,
    pub(crate) groups: Option<Table>,
}

/// How one table is mapped.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) mapping: Mapping,
    /// What a document allows to be done; without one everything.
    pub(crate) flow_types: FlowTypes,
    file: PathBuf,
    headers: Vec<Name>,
    recognised: Vec<(String, Name)>,
    not_mapped: Vec<(String, String)>,
    unrecognised: Vec<String>,
    is_from_headers: bool,
}

impl Tables<'_> {
    pub(crate) fn open(&self) -> Result<Mapped> {
        let document = self.mapping.map(document).transpose()?;
        let of_document = |class: &Class| document.as_ref().map(|document| chosen(document, class)).transpose();
        let mut people = Table::default_of(self.users);
        let imported = of_document(&Class::USER)?;
        let class = imported.as_ref().map_or(Class::USER, |(_, _, class)| class.clone());
        let (users, headers) = table(self.users, self.key, class.clone())?;
        people.headers = headers;
        match imported {
            Some((mapping, flow_types, _)) => people.take(mapping, flow_types),
            None => people.take_headers(Mapping::from_headers(&people.headers)),
        }
        // The store's name is part of what is remembered: it must not change with the files'.
        let source = ByClass::new("people").with(class, users);
        let Some(file) = self.groups else {
            return match self.members {
                Some(_) => {
                    Err(Error::new(ErrorKind::Invalid, "--members needs the groups: give them with --groups FILE"))
                }
                None => Ok(Mapped { source, people, groups: None }),
            };
        };
        let mut groups = Table::default_of(file);
        let (table, headers) = table(file, None, Class::GROUP)?;
        groups.headers = headers;
        let mut made = Mapping::from_group_headers(&groups.headers);
        if self.adopt_groups_by_name {
            made.mapping = made.mapping.match_on("displayName");
        }
        let source = match self.members {
            Some(members) => {
                made = made.with_memberships();
                let memberships = CsvMemberships::open(table, members)?;
                let may_be_empty = self.members_may_be_empty;
                let memberships = if may_be_empty { memberships.allow_empty() } else { memberships };
                source.with(Class::GROUP, memberships)
            }
            None => source.with(Class::GROUP, table),
        };
        groups.take_headers(made);
        Ok(Mapped { source, people, groups: Some(groups) })
    }
}

impl Table {
    fn default_of(file: &Path) -> Self {
        Self {
            mapping: Mapping::users(),
            flow_types: FlowTypes::default(),
            file: file.to_owned(),
            headers: Vec::new(),
            recognised: Vec::new(),
            not_mapped: Vec::new(),
            unrecognised: Vec::new(),
            is_from_headers: false,
        }
    }

    fn take_headers(&mut self, made: entrant::mapping::HeaderMapping) {
        self.is_from_headers = true;
        self.mapping = made.mapping;
        self.recognised = made.recognised;
        self.not_mapped = made.not_mapped;
        self.unrecognised = made.unrecognised;
    }

    fn take(&mut self, mapping: Mapping, flow_types: FlowTypes) {
        self.mapping = mapping;
        self.flow_types = flow_types;
    }

    /// The mapping, held against what it writes to.
    pub(crate) fn compile(&self, entra: &Entra) -> Result<CompiledMapping> {
        let schema = entra.schema(self.mapping.target_class())?;
        Ok(self.mapping.compile(&schema, AbsentMeans::Unknown)?)
    }

    /// What of the file is not used, and what the mapping reads that the file does not have.
    pub(crate) fn remarks(&self, compiled: &CompiledMapping) -> Vec<String> {
        let file = self.file.display();
        let not = |header: &String| format!("column {header} of {file} is not recognised and left out");
        let mut remarks: Vec<String> = self.unrecognised.iter().map(not).collect();
        if !self.is_from_headers {
            let read = compiled.source_attributes();
            let unread = self.headers.iter().filter(|header| !read.contains(header));
            remarks.extend(unread.map(|header| format!("column {header} of {file} is read by no rule of the mapping")));
            // What is made along with the memberships stands in no header.
            let lacking = read.iter().filter(|name| !self.headers.contains(name));
            remarks.extend(lacking.map(|name| format!("the mapping reads {name}, which {file} does not have")));
        }
        remarks
    }

    /// What to do about a table in which what is needed is not recognised.
    pub(crate) fn advice(&self) -> Option<String> {
        (!self.unrecognised.is_empty()).then(|| {
            format!(
                "of {} not recognised: {}; rename the columns to what they hold, such as Employee ID, First Name, Last \
                 Name, Work Email (a group's: Group ID, Name), or say with --mapping what they are",
                self.file.display(),
                self.unrecognised.join(", ")
            )
        })
    }

    pub(crate) fn print(&self) {
        println!("{}", self.mapping);
        for (header, reason) in &self.not_mapped {
            println!("not mapped: {header} ({reason})");
        }
        for header in &self.unrecognised {
            println!("not recognised: {header}");
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let pairs = |pairs: Vec<(&String, &str)>| -> Value {
            pairs
                .into_iter()
                .map(|(name, what)| (name.clone(), Value::from(what)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        json!({
            "class": self.mapping.target_class().as_str(),
            "file": self.file,
            "mapping": self.mapping.to_string(),
            "recognised": pairs(self.recognised.iter().map(|(header, name)| (header, &**name)).collect()),
            "notMapped": pairs(self.not_mapped.iter().map(|(header, reason)| (header, reason.as_str())).collect()),
            "unrecognised": self.unrecognised,
        })
    }
}

fn document(file: &Path) -> Result<SynchronizationSchema> {
    let no_mapping = |error: entrant::mapping::synchronization::SchemaError| {
        // Each fault with its place, in one line.
        let faults: Vec<String> =
            error.faults().iter().map(|fault| format!("{}: {}", fault.place(), fault.message())).collect();
        Error::new(
            ErrorKind::Invalid,
            format!("this is no synchronizationSchema that can be used: {}", faults.join("; ")),
        )
        .with_context("file", file.display())
    };
    SynchronizationSchema::from_json(&read(file)?).map_err(no_mapping)
}

/// The one mapping of a document that writes objects of a class, and the class that it reads.
fn chosen(document: &SynchronizationSchema, class: &Class) -> Result<(Mapping, FlowTypes, Class)> {
    let mut all = document.mappings()?;
    all.retain(|own| own.enabled && own.mapping.target_class() == class);
    let own = match (all.pop(), all.is_empty()) {
        (Some(own), true) => own,
        (Some(own), false) => {
            let places: Vec<&str> = all.iter().map(|own| own.place.as_str()).chain([own.place.as_str()]).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                "the document has several mappings to this class; switch off all but one",
            )
            .with_context("class", class)
            .with_context("places", places.join(", ")));
        }
        (None, _) => {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the document has no mapping to this class that is switched on",
            )
            .with_context("class", class));
        }
    };
    let compiled = own.mapping.compile(&own.target, AbsentMeans::Unknown)?;
    let has_password = compiled.target_attributes().any(|name| name == "password");
    let mapping = if has_password { own.mapping } else { own.mapping.generate_password() };
    Ok((mapping, own.flow_types, compiled.source_class().clone()))
}

/// A file of one class, and the names of its columns.
fn table(file: &Path, key: Option<&str>, class: Class) -> Result<(Box<dyn Source>, Vec<Name>)> {
    if is_json_lines(file) {
        let key = match (key, &class) {
            (Some(key), _) => key,
            (None, class) if *class == Class::GROUP => "id",
            (None, _) => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "JSON Lines have no first column: say with --key which member is each person's own id",
                ));
            }
        };
        let source = JsonlSource::builder(file).key(key).class(class).build()?;
        return Ok((Box::new(source), members(file)?));
    }
    let mut builder = CsvSource::builder(file).class(class);
    if let Some(key) = key {
        builder = builder.key(key);
    }
    let source = builder.build()?;
    let headers = source.headers().to_vec();
    Ok((Box::new(source), headers))
}

/// The member names of a JSON Lines file: of all its lines, since no one of them need have all.
fn members(file: &Path) -> Result<Vec<Name>> {
    let mut names: Vec<Name> = Vec::new();
    for line in read(file)?.lines() {
        // What is wrong with a line is said when it is read as a record.
        let Ok(members) = serde_json::from_str::<serde_json::Map<String, Value>>(line) else { continue };
        names.extend(members.into_iter().map(|(name, _)| Name::from(name)));
        names.sort_unstable();
        names.dedup();
    }
    if names.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no line is a JSON object with members; each is to be one object")
            .with_context("file", file.display()));
    }
    Ok(names)
}
