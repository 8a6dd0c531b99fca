//! Licences that others inherit, as members do a group's: how many they are, who did not get them, and whether there are
//! seats for all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::{Class, License, LicenseAttributes, LicenseFault, Name, ObjectId, Record, Value};
use crate::reconcile::decide::unique::listed;
use crate::reconcile::elements::found::left_out;
use crate::reconcile::find::case::Assessment;
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{Element, Entry, Problem, Products, SetChange, Severity};

/// How many inherit what an object gives, as far as was read.
pub(crate) fn count(inputs: &Inputs<'_>, current: Option<&Record>) -> u64 {
    let heirs = inputs.schema.licenses.as_ref().and_then(|licenses| licenses.heirs.as_ref());
    let members = heirs.and_then(|heirs| current?.get(&heirs.members));
    members.map_or(0, |members| members.as_slice().len() as u64)
}

/// What did not come of licences that were given before, in words.
pub(crate) fn remarks(licenses: &LicenseAttributes, current: Option<&Record>, products: &Products) -> Vec<Problem> {
    let (Some(heirs), Some(current)) = (&licenses.heirs, current) else { return Vec::new() };
    let warn = |rule, message| left_out(Severity::Warning, rule, message, &licenses.products);
    let mut problems = Vec::new();
    if let Some((state, done)) = &heirs.state
        && let Some(state) = current.get(state).and_then(Value::as_text)
        && !state.eq_ignore_ascii_case(done)
    {
        let message = format!("the members do not have all of the licences yet: {state}");
        problems.push(warn("licenses-under-way", message));
    }
    let Some(faults) = &heirs.faults else { return problems };
    let mut by_cause: BTreeMap<(Arc<str>, Arc<str>), Vec<String>> = BTreeMap::new();
    for fault in current.get(faults).map_or(&[][..], Value::as_slice).iter().filter_map(LicenseFault::from_value) {
        by_cause.entry((fault.product, fault.error)).or_default().push(fault.heir.to_string());
    }
    for ((product, error), who) in by_cause {
        let (number, name) = (who.len(), products.name(&product));
        let message =
            format!("{number} of the members did not get {name} ({error}): {}", listed(who.into_iter(), ", "));
        problems.push(warn("members-without-license", message));
    }
    if let Some(gap) = current.partial.get(faults) {
        let message = format!("whether all members got their licences is not known: {gap}");
        problems.push(warn("members-without-license", message));
    }
    problems
}

/// Says of which products there may be too few seats for those who come to inherit them. It stops nobody: the target
/// takes the licence, and gives it to as many as there are seats.
pub(crate) fn warn_of_seats(planners: &[Planner<'_>], assessments: &[Assessment<'_>], entries: &mut [Entry]) {
    let mut warnings: Vec<(usize, Problem)> = Vec::new();
    let mut seats: Option<Seats<'_>> = None;
    for (planner, assessment) in planners.iter().zip(assessments) {
        let inputs = planner.inputs();
        let Some(licenses) = &inputs.schema.licenses else { continue };
        let (Some(heirs), Some(products)) = (&licenses.heirs, inputs.constraints.products()) else { continue };
        for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| {
            entry.class == *inputs.mapping.target_class() && entry.key.mapping == *inputs.mapping.name() && entry.runs()
        }) {
            let record = entry.target.as_ref().and_then(|id| assessment.index.position(id));
            let record = record.map(|at| assessment.index.record(at));
            let bequest = Bequest::new(entry, record, licenses, &heirs.members);
            if bequest.is_empty() {
                continue;
            }
            let seats = seats.get_or_insert_with(|| Seats::new(planners, assessments, entries));
            for (product, is_new) in &bequest.products {
                let Some(product_seats) = products.get(product) else { continue };
                let Some(free) = product_seats.free_seats else { continue };
                let free = i128::from(free) - i128::from(product_seats.overdrawn);
                let Some((needed, short)) = seats.take(product, free, bequest.who(*is_new)) else { continue };
                let gap = record.and_then(|record| record.partial.get(&heirs.members));
                let more = gap.map_or(String::new(), |gap| format!("; there may be more members: {gap}"));
                let unknown = match seats.holders.is_empty() {
                    true => "; who has one already is not known, since no people are read",
                    false => "",
                };
                let name = products.name(product);
                let message = format!("{short} of {needed} members would get no seat of {name}{unknown}{more}");
                warnings.push((at, left_out(Severity::Warning, "seats-of-members", message, &licenses.products)));
            }
        }
    }
    for (at, warning) in warnings {
        entries[at].problems.push(warning);
    }
}

/// One heir: an object of the target, or one of the source that this plan makes.
type Heir<'a> = (Option<&'a str>, Option<&'a ObjectId>);

/// What one object hands on, and to whom.
struct Bequest<'a> {
    /// The products, with whether this plan gives them.
    products: Vec<(Arc<str>, bool)>,
    /// Who was there before and stays.
    old: Vec<Heir<'a>>,
    /// Who comes.
    new: Vec<Heir<'a>>,
}

impl<'a> Bequest<'a> {
    fn new(entry: &'a Entry, record: Option<&'a Record>, licenses: &LicenseAttributes, members: &Name) -> Self {
        let set = |name: &Name| entry.sets.iter().find(|set| set.attribute == *name);
        let given = set(&licenses.products);
        let is_taken = |product: &str| given.is_some_and(|set| set.remove.iter().any(|own| own.is_of(product)));
        let held = record.and_then(|record| record.get(&licenses.products)).map_or(&[][..], Value::as_slice);
        let held = held.iter().filter_map(License::from_value).filter(|license| !is_taken(&license.product));
        let mut products: Vec<_> = held.map(|license| (license.product, false)).collect();
        let added = given.into_iter().flat_map(|set| &set.add).filter(|element| element.seat);
        products.extend(added.filter_map(|element| Some((element.product()?, true))));
        let change = set(members);
        let ids = |set: &'a SetChange| set.remove.iter().filter_map(|element| element.value.as_ref()?.as_text());
        let gone: HashSet<&str> = change.into_iter().flat_map(ids).collect();
        let old = record.and_then(|record| record.get(members)).map_or(&[][..], Value::as_slice);
        let old = old.iter().filter_map(Value::as_text).filter(|id| !gone.contains(id));
        let new = change.into_iter().flat_map(|set| &set.add);
        let new = new.map(|element| (element.value.as_ref().and_then(Value::as_text), element.source.as_ref()));
        Self { products, old: old.map(|id| (Some(id), None)).collect(), new: new.collect() }
    }

    /// Whether nobody gets anything new.
    fn is_empty(&self) -> bool {
        self.new.is_empty() && !self.products.iter().any(|(_, is_new)| *is_new)
    }

    /// Who comes to inherit a product.
    fn who(&self, is_new: bool) -> impl Iterator<Item = Heir<'a>> {
        let old = if is_new { &self.old[..] } else { &[] };
        old.iter().chain(&self.new).copied()
    }
}

/// The seats that are left, and who needs none.
struct Seats<'a> {
    /// How many more of a product are free than the target said, after what the plan gives and takes one by one.
    freed: HashMap<Arc<str>, i128>,
    /// Who has a product already, or gets it in this plan: by the id in the target or in the source.
    held: HashSet<(Arc<str>, Arc<str>)>,
    made: HashSet<(ObjectId, Arc<str>)>,
    /// The objects of the target that were read, with their products.
    holders: Vec<Holders<'a>>,
}

/// The objects of one class of the target that may have products of their own.
struct Holders<'a> {
    planner: &'a Planner<'a>,
    assessment: &'a Assessment<'a>,
    class: Class,
    products: &'a Name,
}

impl<'a> Seats<'a> {
    fn new(planners: &'a [Planner<'a>], assessments: &'a [Assessment<'a>], entries: &[Entry]) -> Self {
        let mut seats = Self { freed: HashMap::new(), held: HashSet::new(), made: HashSet::new(), holders: Vec::new() };
        for (planner, assessment) in planners.iter().zip(assessments) {
            let inputs = planner.inputs();
            if let Some(licenses) = inputs.schema.licenses.as_ref().filter(|licenses| licenses.heirs.is_none()) {
                let (class, products) = (inputs.mapping.target_class().clone(), &licenses.products);
                seats.holders.push(Holders { planner, assessment, class, products });
            }
        }
        let single: HashSet<Class> = seats.holders.iter().map(|of| of.class.clone()).collect();
        for entry in entries.iter().filter(|entry| single.contains(&entry.class) && entry.runs()) {
            let Some(set) = entry.licenses() else { continue };
            for (elements, frees) in [(&set.add, -1), (&set.remove, 1)] {
                for product in elements.iter().filter(|element| element.seat).filter_map(Element::product) {
                    *seats.freed.entry(Arc::clone(&product)).or_default() += frees;
                    if frees < 0 {
                        seats.held.extend(entry.target.iter().map(|id| (Arc::clone(&id.id), Arc::clone(&product))));
                        seats.made.extend(entry.source.iter().map(|id| (id.clone(), Arc::clone(&product))));
                    }
                }
            }
        }
        seats
    }

    /// Takes a seat for each who needs one. Gives how many need one and how many of them there is none for, if any.
    fn take<'b>(
        &mut self,
        product: &Arc<str>,
        free: i128,
        heirs: impl Iterator<Item = Heir<'b>>,
    ) -> Option<(u64, u64)> {
        let mut needed = 0_u64;
        for (id, source) in heirs {
            let is_new = match (id, source) {
                (Some(id), _) => !self.holds(id, product) && self.held.insert((id.into(), Arc::clone(product))),
                (None, Some(source)) => self.made.insert((source.clone(), Arc::clone(product))),
                (None, None) => false,
            };
            needed += u64::from(is_new);
        }
        let left = self.freed.entry(Arc::clone(product)).or_default();
        let before = (free + *left).max(0);
        *left -= i128::from(needed);
        let short = i128::from(needed) - before;
        u64::try_from(short).ok().filter(|short| *short > 0).map(|short| (needed, short))
    }

    fn holds(&self, id: &str, product: &str) -> bool {
        self.holders.iter().any(|of| {
            let record = of.planner.target(&of.assessment.index, &ObjectId::new(of.class.clone(), id));
            let held = record.as_ref().and_then(|record| record.get(of.products));
            let held = held.map_or(&[][..], Value::as_slice).iter().filter_map(License::from_value);
            held.into_iter().any(|license| *license.product == *product)
        })
    }
}
