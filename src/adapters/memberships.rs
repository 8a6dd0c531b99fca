//! Who is in which group, from a CSV file beside the one of the groups.

use std::collections::HashMap;
use std::iter;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::ready;
use futures::stream::{self, BoxStream};

use super::blocking::blocking;
use super::csv::CsvFormat;
use super::rows::{BrokenRows, Row, RowFile, each_row};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, Completeness, Name, ObjectId, Origin, Record, Value};
use crate::store::{Capabilities, Lookup, Query, Read, Source};

/// A [`Source`] of groups, with their members from a CSV file: one row for each membership.
///
/// Each group gets three attributes, lists of ids of the source: `members` (people), `groups` (groups nested in it) and
/// `owners` (people). A group that no row names has empty ones. Of other classes nothing is changed.
///
/// The columns are recognised by their names, without regard to case, blanks, `_`, `-` and `.`; others are left alone:
///
/// | column | names |
/// | --- | --- |
/// | the group's id | groupId, else group, groupKey, groupName |
/// | the member's id | memberId, userId, personId, workerId, employeeId, else member, user, person, worker, employee |
/// | what the member is | memberType, memberKind, type, kind, role; may be left out |
///
/// What the member is: `user`, `member`, `person` or blank; `group`; `owner`; in any case. Ids are taken as they stand
/// there. A membership that is there twice counts once.
///
/// Each read reads the file anew and holds it in memory. Nothing is lost silently:
///
/// - A row that cannot be read makes that attribute of its group [partial](Record::partial), or all three where it is
///   not known which, or those of all groups where it is not known whose; the read is partial.
/// - A file that changes while it is read, has no row ([unless allowed](Self::allow_empty)), breaks off within a row or
///   cannot be opened makes the memberships of all groups partial. A file that was cut off between two rows, or within
///   the very last cell, cannot be told from a whole one: the guard on removed members is what stands in the way then.
/// - A group that is named here and is not among the groups is [`Read::Unreadable`], at the first row that names it; to
///   [`get`](Source::get) it is an error, for it is not gone for sure.
/// - A group that has one of the three attributes already is an error.
///
/// Filters and cursors are not handed on to the source of the groups: groups are always read whole, and without a
/// cursor, since the file of memberships keeps no track of changes.
///
/// # Examples
///
/// ```
/// use entrant::{adapters::{CsvMemberships, CsvSource}, model::Class, store::{Query, SourceExt}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let (groups, members) = (directory.path().join("groups.csv"), directory.path().join("members.csv"));
/// std::fs::write(&groups, "GroupID,Name\nsales,Sales\n")?;
/// std::fs::write(&members, "GroupID,WorkerID\nsales,17\nsales,4\n")?;
/// let groups = CsvSource::builder(&groups).class(Class::GROUP).build()?;
/// let groups = CsvMemberships::open(groups, &members)?;
/// let (records, _) = groups.collect(&Query::all(Class::GROUP)).await;
/// assert_eq!(records[0].get("members"), Some(&vec!["17", "4"].into()));
/// assert_eq!(records[0].get("owners"), Some(&Vec::<&str>::new().into()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CsvMemberships {
    groups: Arc<dyn Source>,
    file: RowFile,
    may_be_empty: bool,
}

impl CsvMemberships {
    /// Groups, and the file of their memberships.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the file cannot be read; [`ErrorKind::Invalid`] if its header is not usable, or if no
    /// column, or more than one, may be the group or the member.
    pub fn open(groups: impl Source, path: impl AsRef<Path>) -> Result<Self> {
        let file = RowFile { path: path.as_ref().to_owned(), name: groups.name().into(), class: Class::GROUP };
        Columns::find(&file)?;
        Ok(Self { groups: Arc::new(groups), file, may_be_empty: false })
    }

    /// Believes a file without a row: nobody is in any group. Unless allowed, such a file counts as broken off.
    #[must_use]
    pub fn allow_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    async fn load(&self) -> Result<Memberships> {
        let (file, may_be_empty) = (self.file.clone(), self.may_be_empty);
        blocking(move || {
            let mut memberships = Memberships::load(&file);
            let nothing = memberships.rows.is_empty() && memberships.broken.reason(&memberships.place).is_none();
            if nothing && !may_be_empty {
                let message = format!("{} has no membership; allow it to be empty if that is true", memberships.place);
                memberships.cut.get_or_insert(message);
            }
            Ok(memberships)
        })
        .await
    }
}

#[async_trait]
impl Source for CsvMemberships {
    fn name(&self) -> &str {
        self.groups.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.groups.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let mut answers = self.groups.get(ids).await?;
        if ids.iter().all(|id| id.class != Class::GROUP) {
            return Ok(answers);
        }
        let memberships = self.load().await?;
        for (id, answer) in ids.iter().zip(&mut answers).filter(|(id, _)| id.class == Class::GROUP) {
            match answer {
                Lookup::One(record) => memberships.add_to(record)?,
                Lookup::Many(records) => records.iter_mut().try_for_each(|record| memberships.add_to(record))?,
                Lookup::None => {
                    if let Some(group) = memberships.group(&id.id) {
                        let message = "the group is not among the groups, but memberships name it: it may not be gone";
                        let error = Error::new(ErrorKind::Store, message).with_context("group", format!("{:?}", id.id));
                        return Err(error.with_context("at", Origin::row(Arc::clone(&memberships.place), group.row)));
                    }
                }
            }
        }
        Ok(answers)
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        if query.class != Class::GROUP {
            return self.groups.read(query);
        }
        // All groups: one that is filtered out must not be taken for one that is not there.
        let mut whole = Query::all(Class::GROUP);
        whole.select = query.select.as_ref().map(|names| names.iter().filter(|name| !is_own(name)).cloned().collect());
        let start = async move {
            let memberships = match self.load().await {
                Ok(memberships) => memberships,
                Err(error) => return stream::iter([Err(error)]).boxed(),
            };
            let joining = Joining::new(memberships);
            let joined = self.groups.read(&whole).scan(joining, |joining, step| ready(joining.join(step)));
            joined.flat_map(|(step, more)| stream::iter(iter::once(step).chain(more))).boxed()
        };
        stream::once(start).flatten().boxed()
    }
}

/// What a member is to its group; in the order of [`ATTRIBUTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    User,
    Group,
    Owner,
}

const KINDS: [Kind; 3] = [Kind::User, Kind::Group, Kind::Owner];
const ATTRIBUTES: [Name; 3] = [Name::from_static("members"), Name::from_static("groups"), Name::from_static("owners")];

fn is_own(name: &Name) -> bool {
    ATTRIBUTES.contains(name)
}

impl Kind {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "" | "user" | "member" | "person" => Self::User,
            "group" => Self::Group,
            "owner" => Self::Owner,
            _ => return None,
        })
    }
}

/// Which column holds what.
struct Columns {
    group: Name,
    member: Name,
    kind: Option<Name>,
}

impl Columns {
    fn find(file: &RowFile) -> Result<Self> {
        const GROUP_ID: &[&str] = &["groupid"];
        const GROUP: &[&str] = &["group", "groupkey", "groupname"];
        const MEMBER_ID: &[&str] = &["memberid", "userid", "personid", "workerid", "employeeid"];
        const MEMBER: &[&str] = &["member", "user", "person", "worker", "employee"];
        const KIND: &[&str] = &["membertype", "memberkind", "type", "kind", "role"];

        let format = CsvFormat { file: file.clone(), key: None };
        let headers = format.read_headers()?;
        let one = |what: &str, names: &[&str]| {
            let mut own = headers.iter().filter(|header| names.contains(&plain(header).as_str()));
            match (own.next(), own.next()) {
                (Some(first), Some(second)) => {
                    let message = format!("{first} and {second} may both be {what}; leave one out");
                    Err(format.invalid(message))
                }
                (column, _) => Ok(column.cloned()),
            }
        };
        let required = |what: &str, ids: &[&str], names: &[&str], right: &str| {
            let column = one(what, ids)?.map_or_else(|| one(what, names), |column| Ok(Some(column)))?;
            column.ok_or_else(|| {
                let columns: Vec<_> = headers.iter().map(Name::as_str).collect();
                format.invalid(format!("no column is {what}: call it {right}; there are {}", columns.join(", ")))
            })
        };
        Ok(Self {
            group: required("the group's id", GROUP_ID, GROUP, "groupId")?,
            member: required("the member's id", MEMBER_ID, MEMBER, "memberId")?,
            kind: one("what the member is", KIND)?,
        })
    }
}

/// A header as it is compared.
fn plain(header: &str) -> String {
    let kept = header.chars().filter(|character| !matches!(character, ' ' | '_' | '-' | '.'));
    kept.map(|character| character.to_ascii_lowercase()).collect()
}

/// The file in memory: an id once, and twelve bytes for each row.
#[derive(Debug)]
struct Memberships {
    place: Arc<str>,
    groups: Vec<Group>,
    numbers: HashMap<Arc<str>, u32>,
    members: Vec<Arc<str>>,
    /// Group, kind, member; sorted, each once.
    rows: Vec<(u32, Kind, u32)>,
    /// Why what is here is not all, whoever the group.
    cut: Option<String>,
    /// The rows of nobody knows which group.
    lost: BrokenRows,
    broken: BrokenRows,
}

/// A group that rows name.
#[derive(Debug)]
struct Group {
    id: Arc<str>,
    /// The first of them.
    row: u64,
    /// Its memberships.
    range: Range<usize>,
    /// What is wrong with its rows, by kind.
    broken: Option<Box<[BrokenRows; 3]>>,
}

impl Memberships {
    /// Reads the file as far as it can be read.
    fn load(file: &RowFile) -> Self {
        let mut own = Self {
            place: file.place(),
            groups: Vec::new(),
            numbers: HashMap::new(),
            members: Vec::new(),
            rows: Vec::new(),
            cut: None,
            lost: BrokenRows::default(),
            broken: BrokenRows::default(),
        };
        own.cut = own.read(file).unwrap_or_else(|error| Some(error.to_chain()));
        own.rows.sort_unstable();
        own.rows.dedup();
        let mut start = 0;
        for rows in own.rows.chunk_by(|left, right| left.0 == right.0) {
            let end = start + rows.len();
            own.groups[rows[0].0 as usize].range = start..end;
            start = end;
        }
        own
    }

    fn read(&mut self, file: &RowFile) -> Result<Option<String>> {
        let columns = Columns::find(file)?;
        let format = CsvFormat { file: file.clone(), key: Some(columns.group.clone()) };
        let mut members: HashMap<Arc<str>, u32> = HashMap::new();
        let mut full = false;
        let changed = each_row(&format, |row| {
            full = self.row(&columns, row, &mut members).is_none();
            !full
        })?;
        Ok(if full { Some(format!("{} has more ids than can be counted", self.place)) } else { changed })
    }

    /// Takes a row in; `None` if there is no room for it.
    fn row(&mut self, columns: &Columns, row: Row, members: &mut HashMap<Arc<str>, u32>) -> Option<()> {
        let record = match row {
            Row::Record(record) => record,
            Row::Broken { row, why, id: Some(id) } => {
                let group = self.number(&id.id, row)?;
                self.spoil(group, &KINDS, row, &why);
                return Some(());
            }
            Row::Broken { row, why, id: None } => {
                self.lost.add(row, &why);
                self.broken.add(row, &why);
                return Some(());
            }
        };
        let row = record.origin.as_ref().and_then(|origin| origin.row).unwrap_or_default();
        let group = self.number(&record.id.id, row)?;
        let word = match &columns.kind {
            None => Some(""),
            Some(column) => match record.get(column) {
                Some(Value::Null) => Some(""),
                other => other.and_then(Value::as_text),
            },
        };
        let Some(kind) = word.and_then(Kind::from_word) else {
            let why = format!("says {:?}, which is none of user, group, owner", word.unwrap_or_default());
            self.spoil(group, &KINDS, row, &why);
            return Some(());
        };
        match record.get(&columns.member) {
            Some(Value::Text(member)) if !member.trim().is_empty() => {
                let number = match members.get(member.as_str()) {
                    Some(number) => *number,
                    None => {
                        let number = u32::try_from(self.members.len()).ok()?;
                        let member = member.to_shared();
                        members.insert(Arc::clone(&member), number);
                        self.members.push(member);
                        number
                    }
                };
                self.rows.push((group, kind, number));
            }
            _ => self.spoil(group, &[kind], row, &format!("has no {}", columns.member)),
        }
        Some(())
    }

    fn number(&mut self, id: &Arc<str>, row: u64) -> Option<u32> {
        if let Some(number) = self.numbers.get(id) {
            return Some(*number);
        }
        let number = u32::try_from(self.groups.len()).ok()?;
        self.numbers.insert(Arc::clone(id), number);
        self.groups.push(Group { id: Arc::clone(id), row, range: 0..0, broken: None });
        Some(number)
    }

    fn spoil(&mut self, group: u32, kinds: &[Kind], row: u64, why: &str) {
        let broken = self.groups[group as usize].broken.get_or_insert_default();
        for kind in kinds {
            broken[*kind as usize].add(row, why);
        }
        self.broken.add(row, why);
    }

    fn group(&self, id: &str) -> Option<&Group> {
        self.numbers.get(id).map(|number| &self.groups[*number as usize])
    }

    /// Gives a group its memberships.
    fn add_to(&self, record: &mut Record) -> Result<()> {
        if let Some(name) = ATTRIBUTES.iter().find(|name| record.get(name).is_some()) {
            let message =
                format!("the group has {name} of its own beside its memberships; call that attribute otherwise");
            let at = record.origin.as_ref().map_or_else(|| record.id.to_string(), ToString::to_string);
            return Err(Error::new(ErrorKind::Invalid, message).with_context("at", at));
        }
        let group = self.group(&record.id.id);
        let rows = group.map_or(&[][..], |group| &self.rows[group.range.clone()]);
        for (kind, name) in KINDS.into_iter().zip(ATTRIBUTES) {
            let own = rows.iter().filter(|(_, own, _)| *own == kind);
            let ids = own.map(|(_, _, member)| Value::text(&self.members[*member as usize]));
            record.attributes.insert(name.clone(), Value::list(ids));
            let broken = group.and_then(|group| group.broken.as_ref());
            let reasons = [
                self.cut.clone(),
                self.lost.reason(&self.place),
                broken.and_then(|broken| broken[kind as usize].reason(&self.place)),
            ];
            if let Some(reason) = joined(reasons) {
                record.partial.insert(name, reason);
            }
        }
        Ok(())
    }
}

fn joined(reasons: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// A read of groups on its way through.
struct Joining {
    memberships: Memberships,
    /// Which of their groups came.
    seen: Vec<bool>,
    failed: bool,
}

impl Joining {
    fn new(memberships: Memberships) -> Self {
        Self { seen: vec![false; memberships.groups.len()], memberships, failed: false }
    }

    /// What comes of a step, the first apart; `None` after an error of ours.
    fn join(&mut self, step: Result<Read>) -> Option<(Result<Read>, Vec<Result<Read>>)> {
        if self.failed {
            return None;
        }
        let one = |step| Some((step, Vec::new()));
        match step {
            Ok(Read::Record(mut record)) => {
                self.see(&record.id.id);
                let added = self.memberships.add_to(&mut record);
                self.failed = added.is_err();
                one(added.map(|()| Read::Record(record)))
            }
            Ok(Read::Unreadable { id, origin, reason }) => {
                self.see(&id.id);
                one(Ok(Read::Unreadable { id, origin, reason }))
            }
            Ok(Read::End { completeness, .. }) => {
                let (mut steps, strangers) = self.strangers();
                let own = &self.memberships;
                let reasons = [
                    match completeness {
                        Completeness::Complete => None,
                        Completeness::Partial { reason } => Some(reason),
                    },
                    own.cut.clone(),
                    own.broken.reason(&own.place),
                    strangers.reason(&own.place),
                ];
                steps.push(Ok(joined(reasons).map_or_else(Read::complete, Read::partial)));
                let rest = steps.split_off(1);
                steps.pop().map(|first| (first, rest))
            }
            other => one(other),
        }
    }

    fn see(&mut self, id: &str) {
        if let Some(number) = self.memberships.numbers.get(id) {
            self.seen[*number as usize] = true;
        }
    }

    /// The groups that memberships name and that did not come.
    fn strangers(&self) -> (Vec<Result<Read>>, BrokenRows) {
        let mut steps = Vec::new();
        let mut broken = BrokenRows::default();
        for (group, _) in self.memberships.groups.iter().zip(&self.seen).filter(|(_, seen)| !**seen) {
            broken.add(group.row, &format!("names {:?}, which is not among the groups", group.id));
            steps.push(Ok(Read::Unreadable {
                id: ObjectId::group(Arc::clone(&group.id)),
                origin: Origin::row(Arc::clone(&self.memberships.place), group.row),
                reason: "the row names a group that is not among the groups".to_owned(),
            }));
        }
        (steps, broken)
    }
}
