//! A mapping as its author writes it.

use std::sync::Arc;

use super::flow::{FlowBehavior, FlowType};
use super::rule::{NamedClosure, OnNull, RuleSource};
use super::scope::ScopingFilter;
use super::steps::NamedTransform;
use crate::expr::{AttributePath, Expression, ExpressionError};
use crate::model::{Class, Filter, Name, Record, Value};

/// The target attribute that [`Mapping::generate_password`] fills.
const PASSWORD: Name = Name::from_static("password");

/// How records of one class become records of another.
///
/// Every method takes the target attribute first, then where it comes from. What can be wrong is said by
/// [`compile`](Mapping::compile), all at once; only an [`expression`](Mapping::expression) is parsed where it is written.
///
/// # Examples
///
/// ```
/// use entrant::mapping::{Mapping, OnNull};
/// use entrant::model::present;
///
/// let mapping = Mapping::users()
///     .attribute("displayName", "name")
///     .attribute("employeeId", "id")
///     .attribute("jobTitle", "title")
///     .on_null("jobTitle", OnNull::Clear)
///     .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
///     .constant("usageLocation", "DE")
///     .generate_password()
///     .match_on("employeeId")
///     .scope(present("login"));
/// assert!(mapping.to_string().contains(r#"userPrincipalName  ← Join("@", ToLower([login]), %Domain%)"#));
/// # Ok::<(), entrant::expr::ExpressionError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Mapping {
    pub(super) name: Name,
    pub(super) source: Class,
    pub(super) target: Class,
    pub(super) rules: Vec<(Name, RuleSource)>,
    pub(super) reads: Vec<(Name, Vec<Name>)>,
    pub(super) defaults: Vec<(Name, Value)>,
    pub(super) on_null: Vec<(Name, OnNull)>,
    pub(super) flow_types: Vec<(Name, FlowType)>,
    pub(super) flow_behaviors: Vec<(Name, FlowBehavior)>,
    pub(super) conditions: Vec<(Name, Filter)>,
    pub(super) transforms: Vec<(Name, NamedTransform)>,
    pub(super) matching: Vec<Name>,
    pub(super) scope: Option<Filter>,
    pub(super) scoping: Option<ScopingFilter>,
    pub(super) target_scope: Option<Filter>,
    pub(super) exact: Vec<Name>,
    pub(super) claims: Vec<Arc<str>>,
    pub(super) flatten: Vec<(Name, Name)>,
}

impl Mapping {
    /// A mapping from people to people.
    pub fn users() -> Self {
        Self::new(Class::USER, Class::USER)
    }

    /// A mapping from groups to groups.
    ///
    /// Sets of references (`members`, `owners`) take ids of the source. What the job added is taken away when the source
    /// no longer names it; what others added stays, unless the set is [`exact`](Mapping::exact).
    ///
    /// `skuId` takes the products, by id or name, that Entra gives the direct members of a group, and `disabledPlans` the
    /// plans that they go without.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::Mapping;
    ///
    /// let mapping = Mapping::groups()
    ///     .attribute("displayName", "name")
    ///     .attribute("mailNickname", "alias")
    ///     .attribute("members", "members")      // ids of people
    ///     .attribute("memberGroups", "groups")  // ids of groups
    ///     .flatten("memberGroups", "members")   // the people of those groups, in place of the groups
    ///     .exact("members")
    ///     .match_on("displayName");
    /// assert!(mapping.to_string().contains("memberGroups  ← [groups] (flattened into members)"));
    /// ```
    pub fn groups() -> Self {
        Self::new(Class::GROUP, Class::GROUP)
    }

    /// The class of the objects that it writes.
    #[must_use]
    pub fn target_class(&self) -> &Class {
        &self.target
    }

    /// A mapping without rules, named after the target class.
    pub fn new(source: Class, target: Class) -> Self {
        Self {
            name: target.as_str().into(),
            source,
            target,
            rules: Vec::new(),
            reads: Vec::new(),
            defaults: Vec::new(),
            on_null: Vec::new(),
            flow_types: Vec::new(),
            flow_behaviors: Vec::new(),
            conditions: Vec::new(),
            transforms: Vec::new(),
            matching: Vec::new(),
            scope: None,
            scoping: None,
            target_scope: None,
            exact: Vec::new(),
            claims: Vec::new(),
            flatten: Vec::new(),
        }
    }

    /// Names the mapping, for plans and messages; the default is the name of the target class.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// Takes a source attribute as it is.
    ///
    /// The source is a name, or a path as between the brackets of an expression: `name.givenName`,
    /// `emails[type eq "work"].value`. An attribute of exactly that name comes first.
    pub fn attribute(self, target: impl Into<Name>, source: impl Into<Name>) -> Self {
        self.rule(target.into(), RuleSource::Attribute(AttributePath::new(source)))
    }

    /// Computes the value; see [`expr`](crate::expr) for the language.
    ///
    /// # Errors
    ///
    /// What is wrong with the text of the expression.
    pub fn expression(self, target: impl Into<Name>, expression: &str) -> Result<Self, ExpressionError> {
        Ok(self.parsed(target.into(), Expression::parse(expression)?))
    }

    pub(super) fn parsed(self, target: Name, expression: Expression) -> Self {
        self.rule(target, RuleSource::Expression(expression))
    }

    /// Gives every object the same value.
    pub fn constant(self, target: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.rule(target.into(), RuleSource::Constant(value.into()))
    }

    /// Computes the value with a function of the host.
    ///
    /// The name and the version stand for the function in plans and in the mapping's fingerprint: raise the version
    /// whenever it computes something else, so that plans made before are refused and the next run is a full one. The
    /// function must depend on the record alone, and should not panic. It answers a value (null included), `None` if the
    /// record says nothing about it (*absent*: nothing is changed), or an error in one line, which becomes a problem of
    /// that object. Name what it reads with [`reads`](Mapping::reads).
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::{Record, Value, mapping::Mapping};
    ///
    /// let mapping = Mapping::users()
    ///     .closure("accountEnabled", "on-leave", 1, |record: &Record| match record.get("OnLeave") {
    ///         None => Ok(None),
    ///         Some(Value::Bool(on_leave)) => Ok(Some(Value::from(!on_leave))),
    ///         Some(other) => Err(format!("OnLeave is {other}, which is neither true nor false")),
    ///     })
    ///     .reads("accountEnabled", ["OnLeave"]);
    /// ```
    pub fn closure<F>(self, target: impl Into<Name>, name: impl Into<Name>, version: u32, function: F) -> Self
    where
        F: Fn(&Record) -> Result<Option<Value>, String> + Send + Sync + 'static,
    {
        let closure = NamedClosure { name: name.into(), version, function: Arc::new(function) };
        self.rule(target.into(), RuleSource::Closure(closure))
    }

    /// Says which source attributes the closure of a target attribute reads, so that they are asked for, and missed when
    /// a source stops to deliver them.
    pub fn reads<N: Into<Name>>(mut self, target: impl Into<Name>, attributes: impl IntoIterator<Item = N>) -> Self {
        let attributes = attributes.into_iter().map(Into::into).collect();
        self.reads.push((target.into(), attributes));
        self
    }

    /// What is written on create when the source has no value, or empty text; on update too with [`OnNull::Default`].
    pub fn default_value(mut self, target: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.defaults.push((target.into(), value.into()));
        self
    }

    /// What null means on update, and whether empty text is null; [`OnNull::Skip`] unless said, by which it is not. Sets do
    /// not look at it: null empties them.
    pub fn on_null(mut self, target: impl Into<Name>, on_null: OnNull) -> Self {
        self.on_null.push((target.into(), on_null));
        self
    }

    /// Writes the attribute on create and never again: [`FlowType::ObjectAddOnly`].
    pub fn create_only(self, target: impl Into<Name>) -> Self {
        self.flow_type(target, FlowType::ObjectAddOnly)
    }

    /// Says when the value flows to an object that is there already; [`FlowType::Always`] unless said. Said again, the
    /// last holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::{FlowType, Mapping};
    ///
    /// // Whoever has changed his greeting keeps it.
    /// let mapping = Mapping::users().constant("aboutMe", "New here").flow_type("aboutMe", FlowType::AttributeAddOnly);
    /// assert!(mapping.to_string().contains("AttributeAddOnly"));
    /// ```
    pub fn flow_type(mut self, target: impl Into<Name>, flow_type: FlowType) -> Self {
        self.flow_types.push((target.into(), flow_type));
        self
    }

    /// Says how often the value is written; [`FlowBehavior::FlowWhenChanged`] unless said. Said again, the last holds.
    pub fn flow_behavior(mut self, target: impl Into<Name>, flow_behavior: FlowBehavior) -> Self {
        self.flow_behaviors.push((target.into(), flow_behavior));
        self
    }

    /// Maps the attribute only for records for which this holds; for others it is left as it is, on create too.
    ///
    /// The condition is over the attributes of the source. Said again, the last holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::{mapping::Mapping, model::eq};
    ///
    /// let mapping = Mapping::users()
    ///     .attribute("officeLocation", "desk")
    ///     .condition("officeLocation", eq("workerType", "Employee"))
    ///     .transform("officeLocation", "upper", 1, |value| Ok(value.as_text().map(str::to_uppercase).into()))
    ///     .default_value("officeLocation", "LOBBY");
    /// assert!(mapping.to_string().contains(r#"(if workerType eq "Employee") (transform upper v1)"#));
    /// ```
    pub fn condition(mut self, target: impl Into<Name>, condition: Filter) -> Self {
        self.conditions.push((target.into(), condition));
        self
    }

    /// Sends what the source gives, null too, through a function of the host, before the null rule and the default value
    /// are looked at. Nothing is done to what was not delivered. Said again, the last holds.
    ///
    /// The name and the version stand for the function as those of a [`closure`](Mapping::closure) do. It answers a value,
    /// or an error in one line, which becomes a problem of that object.
    pub fn transform<F>(mut self, target: impl Into<Name>, name: impl Into<Name>, version: u32, function: F) -> Self
    where
        F: Fn(Value) -> Result<Value, String> + Send + Sync + 'static,
    {
        let transform = NamedTransform { name: name.into(), version, function: Arc::new(function) };
        self.transforms.push((target.into(), transform));
        self
    }

    /// Takes strangers out of a set of references too: elements that this job did not add.
    ///
    /// In objects that the job made, and in those that it [`claims`](Mapping::claims); never in the run that adopts one.
    pub fn exact(mut self, target: impl Into<Name>) -> Self {
        self.exact.push(target.into());
        self
    }

    /// Objects that the job did not make, by their ids in the source, in which [`exact`](Mapping::exact) sets are exact
    /// all the same: who was in them before is taken out.
    pub fn claims<I: Into<Arc<str>>>(mut self, sources: impl IntoIterator<Item = I>) -> Self {
        self.claims.extend(sources.into_iter().map(Into::into));
        self
    }

    /// Puts what the nested groups hold in place of the groups: the elements of `into`, of all objects that `nested`
    /// names, and of those that they name. `nested` itself is not written.
    ///
    /// Without it nested groups are written as they are.
    pub fn flatten(mut self, nested: impl Into<Name>, into: impl Into<Name>) -> Self {
        self.flatten.push((nested.into(), into.into()));
        self
    }

    /// Gives everybody who is created a password of his own, in the target attribute `password`.
    pub fn generate_password(self) -> Self {
        self.rule(PASSWORD, RuleSource::Generated)
    }

    /// Looks for an existing object by this target attribute. Say it again for a second attribute: the first that finds
    /// anybody ends the search.
    pub fn match_on(mut self, target: impl Into<Name>) -> Self {
        self.matching.push(target.into());
        self
    }

    /// Says who of the source belongs; everybody unless said. Who leaves the scope is a leaver.
    ///
    /// It is looked at here, never by the source: who leaves must be seen to leave, and whom an account may belong to
    /// must be known although he is out of scope. What a run looks at is narrowed down by
    /// [`Run::filter`](crate::job::Run::filter), which sources may apply.
    pub fn scope(mut self, scope: Filter) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Says who of the source belongs as a `synchronizationSchema` does, with all of Entra's operators; beside a
    /// [`scope`](Mapping::scope), both must hold.
    ///
    /// Who fails the `groups` is a leaver. Who fails the `inputFilterGroups` or `categoryFilterGroups` is left alone:
    /// nothing is written for him and nothing taken back. Of whom it cannot be said, such as for an attribute with
    /// several values, the run says so, and changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::{Mapping, ScopingFilter};
    ///
    /// let filter = ScopingFilter::from_json(r#"{"groups": [{"clauses": [
    ///     {"sourceOperandName": "country", "operatorName": "EQUALS", "targetOperand": {"values": ["DE", "AT"]}}
    /// ]}]}"#)?;
    /// let mapping = Mapping::users().attribute("displayName", "name").scoping(filter);
    /// assert!(mapping.to_string().ends_with(r#"scoping: country EQUALS "DE" | "AT""#));
    /// # Ok::<(), entrant::mapping::ScopeError>(())
    /// ```
    pub fn scoping(mut self, filter: ScopingFilter) -> Self {
        self.scoping = Some(filter);
        self
    }

    /// Says which objects of the target are looked at; all unless said here or by the target.
    pub fn target_scope(mut self, scope: Filter) -> Self {
        self.target_scope = Some(scope);
        self
    }

    fn rule(mut self, target: Name, source: RuleSource) -> Self {
        self.rules.push((target, source));
        self
    }
}
