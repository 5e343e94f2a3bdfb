//! Makes random programs of cells, and edits of them. A program always compiles, whatever way it is cut.

use crate::item::{Item, Kind};
use crate::random::Random;

/// One cell: items, by their position in the program's list, and statements.
#[derive(Clone, Default)]
pub(crate) struct Cell {
    pub items: Vec<usize>,
    pub statements: Vec<String>,
    /// The last expression. `None` if there is none.
    pub tail: Option<String>,
    /// Whether one of its statements panics.
    pub panics: bool,
    /// An item of an earlier cell that this one defines again, with another number.
    pub redefines: Option<(usize, usize)>,
}

#[derive(Clone)]
pub(crate) struct Program {
    pub items: Vec<Item>,
    pub cells: Vec<Cell>,
}

#[derive(Clone, PartialEq)]
enum Type {
    Number,
    Text,
    Numbers,
    Pair,
    Maybe,
    Closure,
    /// The item with this position.
    Of(usize),
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    ty: Type,
    mutable: bool,
}

const NAMES: [&str; 9] = ["a", "b", "c", "left", "right", "r#type", "x", "y", "total"];

/// A program while it is made.
struct Maker<'r> {
    random: &'r mut Random,
    items: Vec<Item>,
    variables: Vec<Variable>,
    /// Variables that the cell has moved, or moved from, so that a panic would lose them.
    moved: Vec<&'static str>,
    cell: Cell,
}

impl Program {
    pub(crate) fn new(random: &mut Random) -> Program {
        let count = 3 + random.below(3);
        let mut maker =
            Maker { random, items: Vec::new(), variables: Vec::new(), moved: Vec::new(), cell: Cell::default() };
        let cells = (0..count).map(|_| maker.cell()).collect();
        Program { items: maker.items, cells }
    }

    /// The text of a cell.
    pub(crate) fn text(&self, cell: &Cell) -> String {
        let mut parts: Vec<String> = cell.items.iter().map(|index| self.items[*index].text()).collect();
        parts.extend(cell.redefines.map(|(index, number)| Item { number, ..self.items[index].clone() }.text()));
        parts.extend(cell.statements.iter().cloned());
        parts.extend(cell.tail.clone());
        parts.join("\n")
    }

    /// The program after an edit of some of its cells.
    pub(crate) fn edited(&self, random: &mut Random) -> Program {
        let mut program = self.clone();
        for _ in 0..=random.below(3) {
            program.edit(random);
        }
        program
    }

    fn edit(&mut self, random: &mut Random) {
        let index = if self.items.is_empty() { None } else { Some(random.below(self.items.len())) };
        match (random.below(6), index) {
            (0, Some(index)) => self.items[index].number += 1000,
            (1 | 2, Some(index)) => self.items[index].grown = true,
            // Splits a cell in two.
            (3, _) => {
                let at = random.below(self.cells.len());
                let cell = self.cells[at].clone();
                if !cell.panics && cell.statements.len() > 1 {
                    let (first, second) = cell.statements.split_at(cell.statements.len() / 2);
                    let before = Cell { statements: first.to_vec(), tail: None, ..cell.clone() };
                    let after = Cell { statements: second.to_vec(), tail: cell.tail, ..Cell::default() };
                    self.cells.splice(at..=at, [before, after]);
                }
            }
            // Joins two cells.
            (4, _) if self.cells.len() > 1 => {
                let at = random.below(self.cells.len() - 1);
                let (first, second) = (self.cells[at].clone(), self.cells[at + 1].clone());
                if first.tail.is_none() && !first.panics && !second.panics && second.redefines.is_none() {
                    let items = first.items.into_iter().chain(second.items).collect();
                    let statements = first.statements.into_iter().chain(second.statements).collect();
                    let joined = Cell { items, statements, tail: second.tail, ..first };
                    self.cells.splice(at..=at + 1, [joined]);
                }
            }
            // Moves an item to a cell of its own in front of all that use it.
            (5, _) => {
                let at = random.below(self.cells.len());
                if let Some(item) = self.cells[at].items.first().copied() {
                    self.cells[at].items.remove(0);
                    self.cells.insert(at, Cell { items: vec![item], ..Cell::default() });
                }
            }
            _ => {}
        }
    }
}

impl Maker<'_> {
    fn cell(&mut self) -> Cell {
        let before = self.variables.clone();
        self.moved.clear();
        for _ in 0..self.random.below(3) {
            self.item();
        }
        if self.random.chance(40) {
            self.redefine();
        }
        let count = 2 + self.random.below(5);
        let panics_at = self.random.chance(15).then(|| self.random.below(count));
        for at in 0..count {
            if panics_at == Some(at) {
                self.cell.panics = true;
                self.cell.statements.push(format!("if std::hint::black_box(true) {{ panic!(\"at {at}\"); }}"));
            }
            self.statement();
        }
        if self.cell.panics {
            // What the cell has moved is lost; all else is as before.
            let moved = std::mem::take(&mut self.moved);
            self.variables = before.into_iter().filter(|variable| !moved.contains(&variable.name)).collect();
        } else if self.random.chance(50) {
            self.cell.tail = Some(self.shown());
        }
        std::mem::take(&mut self.cell)
    }

    fn add(&mut self, name: String, kind: Kind) {
        let item = Item::new(self.random, name, kind);
        self.cell.items.push(self.items.len());
        self.items.push(item);
    }

    fn item(&mut self) {
        let number = self.items.len();
        let named = |letter: &str| format!("{letter}{number}");
        match self.random.below(9) {
            0 | 1 => {
                let calls: Vec<String> = self.functions();
                let calls = (0..self.random.below(3)).filter_map(|_| self.random.one_of(&calls).cloned()).collect();
                self.add(named("f"), Kind::Function(calls));
            }
            2 => self.add(named("take"), Kind::Consumer),
            3 => self.add(named("LIMIT"), Kind::Const),
            4 => self.add(named("Thing"), Kind::Struct),
            5 => self.add(named("Choice"), Kind::Enum),
            6 => {
                let structs = self.items.iter().filter(|item| matches!(item.kind, Kind::Struct));
                let structs = structs.map(|item| item.name.clone()).collect();
                self.add(named("Doubles"), Kind::Trait(structs));
            }
            7 => self.add(named("shown"), Kind::Generic),
            _ => self.add(named("made"), Kind::Made),
        }
    }

    fn redefine(&mut self) {
        let own = self.cell.items.clone();
        let may =
            |(index, item): (usize, &Item)| (item.may_be_redefined() && !own.contains(&index)).then_some(index);
        let may: Vec<usize> = self.items.iter().enumerate().filter_map(may).collect();
        if let Some(index) = self.random.one_of(&may).copied() {
            self.cell.redefines = Some((index, 100 + self.random.below(100)));
            // Functions of earlier cells call the new one, directly or by way of others.
            for name in self.functions() {
                self.say(format!("println!(\"{{}}\", {name}(5));"));
            }
        }
    }

    /// Functions of a number.
    fn functions(&self) -> Vec<String> {
        let is_function = |item: &&Item| matches!(item.kind, Kind::Function(_) | Kind::Made);
        self.items.iter().filter(is_function).map(|item| item.name.clone()).collect()
    }

    fn names(&self, of: fn(&Kind) -> bool) -> Vec<String> {
        self.items.iter().filter(|item| of(&item.kind)).map(|item| item.name.clone()).collect()
    }

    fn variable(&mut self, is: impl Fn(&Variable) -> bool) -> Option<Variable> {
        let all: Vec<Variable> = self.variables.iter().filter(|variable| is(variable)).cloned().collect();
        self.random.one_of(&all).cloned()
    }

    fn say(&mut self, statement: String) {
        self.cell.statements.push(statement);
    }

    fn bind(&mut self, ty: Type, value: &str) {
        let name = NAMES[self.random.below(NAMES.len())];
        let mutable = self.random.chance(60);
        self.variables.retain(|variable| variable.name != name);
        self.say(format!("let {}{name} = {value};", if mutable { "mut " } else { "" }));
        self.variables.push(Variable { name, ty, mutable });
    }

    /// Forgets a variable that was moved.
    fn lose(&mut self, name: &'static str) {
        self.variables.retain(|variable| variable.name != name);
        self.moved.push(name);
    }

    fn number(&mut self) -> String {
        let literal = format!("{}i64", self.random.below(100));
        let variable =
            self.variable(|variable| variable.ty == Type::Number).map(|variable| variable.name.to_string());
        let functions = self.functions();
        let (consts, traits) =
            (self.names(|k| matches!(k, Kind::Const)), self.names(|k| matches!(k, Kind::Trait(_))));
        let numbers = self.variable(|variable| variable.ty == Type::Numbers);
        let closure = self.variable(|variable| variable.ty == Type::Closure);
        match self.random.below(8) {
            0 | 1 => variable.unwrap_or(literal),
            2 => match self.random.one_of(&functions) {
                Some(function) => format!("{function}({})", variable.unwrap_or(literal)),
                None => literal,
            },
            3 => self.random.one_of(&consts).cloned().unwrap_or(literal),
            4 => match self.random.one_of(&traits) {
                Some(of) => format!("{of}::twice(&{literal})"),
                None => literal,
            },
            5 => numbers.map_or(literal, |v| format!("{}.iter().sum::<i64>()", v.name)),
            6 => closure.map_or(literal.clone(), |v| format!("{}({literal})", v.name)),
            _ => literal,
        }
    }

    fn new_variable(&mut self) {
        let number = self.number();
        let things: Vec<usize> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| matches!(item.kind, Kind::Struct | Kind::Enum).then_some(index))
            .collect();
        match self.random.below(8) {
            0 | 1 => self.bind(Type::Number, &number),
            2 => self.bind(Type::Text, &format!("format!(\"t{{}}\", {number})")),
            3 => self.bind(Type::Numbers, &format!("vec![1i64, {number}]")),
            4 => self.bind(Type::Pair, &format!("({number}, String::from(\"pair\"))")),
            5 => self.bind(Type::Maybe, &format!("Some({number}).filter(|n| n % 2 == 0).map(|n| n.to_string())")),
            6 => {
                let kept = self.random.below(50);
                self.bind(
                    Type::Closure,
                    &format!("{{ let kept = {number}; move |n: i64| n.wrapping_mul({kept}) + kept % 1000 }}"),
                );
            }
            _ => {
                let Some(index) = self.random.one_of(&things).copied() else { return };
                let Item { name, kind, .. } = &self.items[index];
                let value = match (kind, self.random.below(3)) {
                    (Kind::Struct, _) => format!("{name}::new({number} % 1000)"),
                    (_, 0) => format!("{name}::Empty"),
                    (_, 1) => format!("{name}::One({number})"),
                    _ => format!("{name}::Named {{ text: String::from(\"named\") }}"),
                };
                self.bind(Type::Of(index), &value);
            }
        }
    }

    fn statement(&mut self) {
        match self.random.below(10) {
            0..=3 => self.new_variable(),
            4 | 5 => self.change(),
            6 => self.take_away(),
            7 => {
                let number = self.number();
                if let Some(of) = self.variable(|v| v.ty == Type::Number && v.mutable) {
                    let name = of.name;
                    self.say(format!("for i in 0..5 {{ if i % 2 == 0 {{ {name} = {name}.wrapping_add(i * {number}.wrapping_mul(1)); }} }}"));
                }
            }
            _ => {
                let shown = self.shown();
                self.say(format!("println!(\"{{:?}}\", {shown});"));
            }
        }
    }

    /// An expression whose value has a `Debug` form, and that moves nothing.
    fn shown(&mut self) -> String {
        let Some(Variable { name, ty, .. }) = self.variable(|_| true) else { return self.number() };
        let generics = self.names(|kind| matches!(kind, Kind::Generic));
        let whole = match self.random.one_of(&generics) {
            Some(generic) if self.random.chance(30) => format!("{generic}(&{name})"),
            _ => format!("&{name}"),
        };
        match ty {
            Type::Closure => format!("{name}(7)"),
            Type::Of(index) if self.random.chance(60) => match (&self.items[index].kind, &self.items[index].name) {
                (Kind::Struct, _) => format!("{name}.total()"),
                (_, of) => format!("of_{}(&{name})", of.to_lowercase()),
            },
            Type::Text if self.random.chance(40) => format!("{name}.len()"),
            Type::Pair if self.random.chance(40) => format!("{name}.0"),
            _ => whole,
        }
    }

    fn change(&mut self) {
        let number = self.number();
        let Some(Variable { name, ty, .. }) = self.variable(|variable| variable.mutable) else { return };
        let change = match ty {
            Type::Number => format!("{name} = {name}.wrapping_mul(3).wrapping_sub({number});"),
            Type::Text => format!("{name}.push_str(\"+\");"),
            Type::Numbers => format!("{name}.push({number});"),
            Type::Pair => format!("{name}.0 = {number};"),
            Type::Maybe => format!("{name} = {name}.take().map(|text| text + \"?\");"),
            Type::Closure => return,
            Type::Of(index) => match (&self.items[index].kind, &self.items[index].name) {
                (Kind::Struct, _) => format!("{name}.bump({number});"),
                (_, of) => format!("{name} = {of}::One({number});"),
            },
        };
        self.say(change);
    }

    /// Moves a variable away.
    fn take_away(&mut self) {
        let Some(Variable { name, ty, .. }) = self.variable(|v| !matches!(v.ty, Type::Number | Type::Closure))
        else {
            return;
        };
        let consumers = self.names(|kind| matches!(kind, Kind::Consumer));
        self.lose(name);
        match ty {
            Type::Text => match self.random.one_of(&consumers).cloned() {
                Some(consumer) => self.bind(Type::Text, &format!("{consumer}({name})")),
                None => self.bind(Type::Text, &format!("{name} + \"!\"")),
            },
            Type::Numbers => self.bind(
                Type::Numbers,
                &format!("{name}.into_iter().map(|n| n.wrapping_add(1)).collect::<Vec<i64>>()"),
            ),
            Type::Maybe => self.say(format!("println!(\"{{}}\", {name}.unwrap_or_default());")),
            Type::Of(index) if matches!(self.items[index].kind, Kind::Struct) => {
                self.bind(Type::Text, &format!("{name}.into_text()"));
            }
            ty => self.bind(ty, name),
        }
    }
}
