//! The seats of products, over the whole plan: who gets one, whose is freed for whom, who waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{Class, License, Name};
use crate::reconcile::plan::order;
use crate::reconcile::planner::Planner;
use crate::reconcile::{Edge, EdgeKind, Element, Entry, Problem, Products, SetKind, Severity};

/// Gives the seats that there are, in the order of the plan; then those that the plan frees, each to one who waits,
/// after it is freed; but of a product that more have than may the first that are given up are nobody's. All others
/// wait, and keep what they have until it is their turn.
pub(crate) fn settle(planners: &[Planner<'_>], entries: &mut [Entry]) {
    let mut products: HashMap<&Class, (&Products, &Name)> = HashMap::new();
    for planner in planners {
        let inputs = planner.inputs();
        if let (Some(own), Some(licenses)) = (inputs.constraints.products(), &inputs.schema.licenses)
            && licenses.heirs.is_none()
        {
            products.entry(inputs.mapping.target_class()).or_insert((own, &licenses.products));
        }
    }
    for (class, (products, attribute)) in products {
        let mut order: Vec<usize> = (0..entries.len())
            .filter(|at| entries[*at].class == *class && entries[*at].runs() && entries[*at].licenses().is_some())
            .collect();
        order.sort_by(|left, right| entries[*left].key.cmp(&entries[*right].key));
        settle_class(products, attribute, &order, entries);
    }
}

fn settle_class(products: &Products, attribute: &Name, order: &[usize], entries: &mut [Entry]) {
    // Those who would give a seat up and must wait: they keep it, so that another may have to wait for it, until nobody
    // else does.
    let mut stuck: BTreeMap<usize, Vec<Arc<str>>> = BTreeMap::new();
    let mut shares = loop {
        let shares = Shares::new(products, order, entries, &stuck);
        let gives = |at: &usize| !seats(&entries[*at], Side::Taken).is_empty();
        let more: Vec<_> = shares.short.iter().filter(|(at, _)| gives(at)).map(|(at, of)| (*at, of.clone())).collect();
        if !more.is_empty() {
            stuck.extend(more);
            continue;
        }
        let pairs: Vec<(usize, usize)> = shares.edges.iter().map(|edge| (edge.giver, edge.taker)).collect();
        let circles = order::circles(entries.len(), &pairs);
        if circles.is_empty() {
            break shares;
        }
        stuck.extend(circles.into_iter().flatten().map(|at| (at, seats(&entries[at], Side::Given))));
    };
    let mut waiting = std::mem::take(&mut shares.short);
    // What is free after all goes to the first of those who are stuck.
    stuck.retain(|at, _| !shares.take_free(products, &seats(&entries[*at], Side::Given)));
    waiting.extend(stuck);
    refuse(products, attribute, order, entries, &waiting);
    for SeatEdge { giver, taker } in shares.edges {
        let edge = Edge { entry: entries[giver].key.clone(), kind: EdgeKind::Frees, attribute: attribute.clone() };
        if !entries[taker].after.contains(&edge) {
            entries[taker].after.push(edge);
        }
    }
}

/// A seat that one entry frees for another.
struct SeatEdge {
    giver: usize,
    taker: usize,
}

/// The seats as they are shared out, to one after the other in the order of the plan.
struct Shares {
    taken: HashMap<Arc<str>, u64>,
    edges: Vec<SeatEdge>,
    /// Who must wait, for which products. Who gives something up, or needs one product for another, takes none of the
    /// others either.
    short: BTreeMap<usize, Vec<Arc<str>>>,
}

impl Shares {
    /// Shares the seats out that are free, and those that are freed by others than those who wait.
    fn new(products: &Products, order: &[usize], entries: &[Entry], stuck: &BTreeMap<usize, Vec<Arc<str>>>) -> Self {
        let moving = || order.iter().copied().filter(|at| !stuck.contains_key(at));
        let mut givers: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for at in moving() {
            for product in seats(&entries[at], Side::Taken) {
                givers.entry(product).or_default().push(at);
            }
        }
        let mut shares = Self { taken: HashMap::new(), edges: Vec::new(), short: BTreeMap::new() };
        for at in moving() {
            let wanted = seats(&entries[at], Side::Given);
            let given_up = |product: &Arc<str>| givers.get(product).map_or(&[][..], Vec::as_slice);
            let lost = |product: &Arc<str>| given_up(product).len().min(overdrawn(products, product));
            let freed = |product: &Arc<str>| &given_up(product)[lost(product)..];
            let lacking = wanted.iter().filter(|product| {
                let all = free(products, product).map(|free| free.saturating_add(freed(product).len() as u64));
                all.is_some_and(|all| shares.taken(product) >= all)
            });
            let lacking: Vec<Arc<str>> = lacking.cloned().collect();
            let partly = lacking.is_empty() || splits(products, &entries[at], &lacking);
            let granted: Vec<Arc<str>> =
                wanted.into_iter().filter(|product| partly && !lacking.contains(product)).collect();
            if !lacking.is_empty() {
                shares.short.insert(at, lacking);
            }
            for product in granted {
                let number = shares.taken(&product);
                let beyond = free(products, &product).and_then(|free| number.checked_sub(free));
                let giver = beyond.and_then(|beyond| freed(&product).get(usize::try_from(beyond).ok()?));
                let before = giver.map_or(&[][..], |_| &given_up(&product)[..lost(&product)]);
                shares.edges.extend(giver.into_iter().chain(before).map(|giver| SeatEdge { giver: *giver, taker: at }));
                *shares.taken.entry(product).or_default() += 1;
            }
        }
        shares
    }

    fn taken(&self, product: &str) -> u64 {
        self.taken.get(product).copied().unwrap_or(0)
    }

    /// Takes seats that wait for nobody; whether there were any of each product.
    fn take_free(&mut self, products: &Products, wanted: &[Arc<str>]) -> bool {
        let is_free = |product: &Arc<str>| free(products, product).is_none_or(|free| self.taken(product) < free);
        let all = wanted.iter().all(is_free);
        if all {
            wanted.iter().for_each(|product| *self.taken.entry(Arc::clone(product)).or_default() += 1);
        }
        all
    }
}

/// Whether an entry can have its other products while it waits for some: it gives nothing up, and needs none for another.
fn splits(products: &Products, entry: &Entry, lacking: &[Arc<str>]) -> bool {
    let Some(set) = entry.licenses() else { return false };
    let all: Vec<License> = set.add.iter().filter_map(|element| License::from_value(element.value.as_ref()?)).collect();
    let rest: Vec<License> = all.iter().filter(|license| !lacking.contains(&license.product)).cloned().collect();
    let known = products.conflicts(&all);
    set.remove.is_empty()
        && !rest.is_empty()
        && products.conflicts(&rest).iter().all(|conflict| known.contains(conflict))
}

/// How many seats of a product are free; where nobody knows how many there are, the target says.
fn free(products: &Products, product: &str) -> Option<u64> {
    products.get(product)?.free_seats
}

/// How many seats of a product must be given up before one is free.
fn overdrawn(products: &Products, product: &str) -> usize {
    products.get(product).and_then(|own| usize::try_from(own.overdrawn).ok()).unwrap_or(0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Given,
    Taken,
}

/// The products of which an entry takes a seat, or frees one.
fn seats(entry: &Entry, side: Side) -> Vec<Arc<str>> {
    let Some(set) = entry.licenses() else { return Vec::new() };
    let elements = if side == Side::Given { &set.add } else { &set.remove };
    elements.iter().filter(|element| element.seat).filter_map(Element::product).collect()
}

/// Leaves the licences of those who wait out, and says so: which product, and who comes before them.
fn refuse(
    products: &Products,
    attribute: &Name,
    order: &[usize],
    entries: &mut [Entry],
    waiting: &BTreeMap<usize, Vec<Arc<str>>>,
) {
    let mut places: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    for at in order {
        let Some(lacking) = waiting.get(at) else { continue };
        let entry = &mut entries[*at];
        let Some(place) = entry.sets.iter().position(|set| set.kind == SetKind::Licenses) else {
            continue;
        };
        let splits = splits(products, entry, lacking);
        let kept = if entry.sets[place].remove.is_empty() { "" } else { "; what is there stays until then" };
        if splits {
            entry.sets[place].add.retain(|element| element.product().is_none_or(|own| !lacking.contains(&own)));
        } else {
            entry.sets.remove(place);
        }
        for product in lacking {
            let place = places.entry(product).or_default();
            *place += 1;
            let name = products.name(product);
            let message = format!("waits for a seat of {name}, as number {place}{kept}");
            entry
                .problems
                .push(Problem::new(Severity::Attention, "no-seat", message).with_value(attribute.clone(), None));
        }
    }
}
