//! The items of a generated program. Each is written from a few numbers, so that an edit changes a number.

use crate::random::Random;

#[derive(Clone)]
pub(crate) struct Item {
    pub name: String,
    pub kind: Kind,
    /// A number in its body.
    pub number: usize,
    /// Whether an edit has added to it: a derive, a field, a variant, a method.
    pub grown: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// A function of a number, which calls these.
    Function(Vec<String>),
    /// A function that takes text away from its caller.
    Consumer,
    Const,
    /// A type with a text, a number and some methods.
    Struct,
    /// A type with a few variants, and a function that tells them apart.
    Enum,
    /// A trait with a method, implemented for numbers and these structs.
    Trait(Vec<String>),
    /// A function with a type parameter.
    Generic,
    /// A function that a macro makes.
    Made,
}

impl Item {
    pub(crate) fn new(random: &mut Random, name: String, kind: Kind) -> Item {
        Item { name, kind, number: random.below(90) + 1, grown: false }
    }

    pub(crate) fn text(&self) -> String {
        let Item { name, number, grown, .. } = self;
        let low = name.to_lowercase();
        match &self.kind {
            Kind::Function(calls) => {
                let calls: String = calls.iter().map(|call| format!(".wrapping_add({call}(n / 2))")).collect();
                format!("fn {name}(n: i64) -> i64 {{ n.wrapping_mul({number}){calls} }}")
            }
            Kind::Consumer => format!("fn {name}(text: String) -> String {{ text + \"{number}\" }}"),
            Kind::Const => format!("const {name}: i64 = {number};"),
            Kind::Struct => {
                let (derive, field, value, method) = match grown {
                    true => (", PartialEq", ", more: u8", ", more: 7", " fn more(&self) -> u8 { self.more }"),
                    false => ("", "", "", ""),
                };
                format!(
                    "#[derive(Debug, Clone{derive})]\nstruct {name} {{ text: String, n: i64{field} }}\n\
                     impl {name} {{\n    fn new(n: i64) -> {name} {{ {name} {{ text: format!(\"{low}{{n}}\"), n: n + {number}{value} }} }}\n    \
                     fn total(&self) -> i64 {{ self.n.wrapping_mul({number}) + self.text.len() as i64 }}\n    \
                     fn bump(&mut self, by: i64) {{ self.n = self.n.wrapping_add(by); self.text.push('+'); }}\n    \
                     fn into_text(self) -> String {{ self.text }}{method}\n}}"
                )
            }
            Kind::Enum => {
                let variant = if *grown { ", Extra" } else { "" };
                format!(
                    "#[derive(Debug, Clone)]\nenum {name} {{ Empty, One(i64), Named {{ text: String }}{variant} }}\n\
                     fn of_{low}(of: &{name}) -> i64 {{ match of {{ {name}::Empty => {number}, {name}::One(n) => *n, {name}::Named {{ text }} => text.len() as i64{rest} }} }}",
                    rest = if *grown { format!(", {name}::Extra => 0") } else { String::new() }
                )
            }
            Kind::Trait(structs) => {
                let default = format!("fn twice(&self) -> i64 {{ self.once().wrapping_mul({number}) }}");
                let impls = structs
                    .iter()
                    .map(|of| format!("\nimpl {name} for {of} {{ fn once(&self) -> i64 {{ self.n }} }}"));
                format!(
                    "trait {name} {{ fn once(&self) -> i64; {default} }}\nimpl {name} for i64 {{ fn once(&self) -> i64 {{ *self }} }}{}",
                    impls.collect::<String>()
                )
            }
            Kind::Generic => {
                format!(
                    "fn {name}<T: std::fmt::Debug>(value: &T) -> String {{ format!(\"<{{value:?}}{number}>\") }}"
                )
            }
            Kind::Made => format!(
                "macro_rules! make_{name} {{ ($name:ident, $n:expr) => {{ fn $name(n: i64) -> i64 {{ n.wrapping_add($n) }} }} }}\nmake_{name}!({name}, {number});"
            ),
        }
    }

    /// Whether the item may be defined again in a later cell without a change of its type.
    pub(crate) fn may_be_redefined(&self) -> bool {
        matches!(self.kind, Kind::Function(_) | Kind::Consumer | Kind::Generic)
    }
}
