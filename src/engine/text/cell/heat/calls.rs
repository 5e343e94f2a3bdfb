//! What calls of functions, methods and macros cost, and the sizes of what they return.

use std::collections::BTreeSet;

use syn::punctuated::Punctuated;

use super::methods::{self, Role};
use super::size::{SMALL, Size, UNKNOWN};
use super::{Called, Code, OFTEN, STEP};

impl Code {
    pub(super) fn method(&mut self, call: &syn::ExprMethodCall) -> Size {
        let receiver = self.expr(&call.receiver);
        let name = call.method.to_string();
        let role = methods::role(&name);
        let (each, made, argument) = self.arguments(call, &receiver);
        match role {
            Role::Consumes => self.consume(receiver, each, argument),
            Role::Sorts => {
                let depth = u64::from(64 - receiver.len.leading_zeros());
                self.consume(receiver, each.saturating_add(STEP).saturating_mul(depth), argument)
            }
            Role::Adapts => {
                self.spend(each);
                let len = if name == "zip" { receiver.len.min(argument.len) } else { receiver.len };
                let each = receiver.each.saturating_add(each).saturating_add(argument.each);
                let value = if name == "enumerate" { receiver.most() } else { receiver.value.max(made.most()) };
                Size { each, ..receiver.or(argument) }.with_len(len).with_value(value)
            }
            Role::FlatMaps => {
                let len = receiver.len.saturating_mul(made.len);
                let each = receiver.each.saturating_add(each).saturating_add(made.each);
                Size { each, ..receiver.or(made) }.with_len(len)
            }
            Role::Takes if !call.args.is_empty() => {
                let len = receiver.len.min(argument.value);
                // As many as the argument says, whatever the receiver is.
                let of = if argument.of.is_empty() && argument.value <= SMALL {
                    BTreeSet::new()
                } else {
                    receiver.of.clone()
                };
                Size { len, of, ..receiver.or(Size { len: 0, ..argument }) }
            }
            Role::Repeats => {
                let len = receiver.len.saturating_mul(argument.value);
                receiver.or(argument).with_len(len)
            }
            Role::Cycles => receiver.with_len(UNKNOWN),
            Role::Chains => {
                let len = receiver.len.saturating_add(argument.len);
                receiver.or(argument).with_len(len)
            }
            Role::Grows => self.grow(call, &name, receiver, argument),
            Role::Counts => receiver.clone().with_value(receiver.len).with_len(0),
            Role::Powers => {
                let exponent = u32::try_from(argument.value).unwrap_or(u32::MAX);
                let value = receiver.value.saturating_pow(exponent);
                receiver.with_value(value)
            }
            Role::Reads => receiver.with_value(UNKNOWN),
            Role::Takes | Role::Other => {
                self.called_with(&name, &receiver.clone().or(argument.clone()));
                self.spend(each.saturating_mul(receiver.len.clamp(1, SMALL)));
                receiver.or(argument)
            }
        }
    }

    /// The work of one call of the closures that a method is given, the size of what they return, and that of the other
    /// arguments.
    fn arguments(&mut self, call: &syn::ExprMethodCall, receiver: &Size) -> (u64, Size, Size) {
        let mut each = 0;
        let mut made = Size::default();
        let mut argument = Size::default();
        for arg in &call.args {
            if let syn::Expr::Closure(closure) = arg {
                let outer = self.elements;
                self.elements = outer.max(1).saturating_mul(receiver.len);
                let (work, size) = self.closure(closure, &receiver.element());
                self.elements = outer;
                each = u64::saturating_add(each, work);
                made = made.or(size);
            } else {
                each = u64::saturating_add(
                    each,
                    called(arg).and_then(|name| self.closures.get(&name).copied()).unwrap_or(0),
                );
                argument = argument.or(self.expr(arg));
            }
        }
        (each, made, argument)
    }

    /// Goes over all elements of an iterator or a collection.
    fn consume(&mut self, of: Size, each: u64, argument: Size) -> Size {
        // A range that is asked for one element, and a number (`a.max(b)`), have none to go over.
        self.depends_on(&of);
        self.spend(of.len.saturating_mul(of.each.saturating_add(each).saturating_add(STEP)));
        Size { each: 0, ..of.or(argument) }
    }

    fn grow(&mut self, call: &syn::ExprMethodCall, name: &str, receiver: Size, argument: Size) -> Size {
        let many = matches!(name, "push_str" | "extend" | "append" | "resize" | "extend_from_slice");
        let count = if name == "resize" { argument.value } else { argument.len };
        if many {
            self.depends_on(&argument);
            self.spend(count);
        }
        let added = self.rounds.max(1).saturating_mul(if many { count } else { 1 });
        let len = receiver.len.saturating_add(added);
        let value = receiver.value.max(argument.most());
        self.assign(&call.receiver, receiver.or(argument).with_len(len).with_value(value));
        Size::default()
    }

    pub(super) fn call(&mut self, call: &syn::ExprCall) -> Size {
        let name = called(&call.func);
        let arguments = self.exprs(&call.args);
        for arg in &call.args {
            // Whoever is given a variable to change may put anything into it.
            if let syn::Expr::Reference(reference) = arg
                && reference.mutability.is_some()
            {
                self.assign(&reference.expr, Size::unknown());
            }
        }
        let Some(name) = name else {
            self.expr(&call.func);
            return Size::unknown();
        };
        if let Some(work) = self.closures.get(&name).copied() {
            self.spend(work);
            return arguments;
        }
        match name.as_str() {
            "repeat" | "repeat_with" | "from_fn" | "successors" => Size { len: UNKNOWN, ..arguments },
            "from" | "from_iter" => self.consume(arguments, 0, Size::default()),
            "with_capacity" => Size::default(),
            _ if name.contains("read") && !name.contains("thread") => Size::unknown(),
            _ if call.args.is_empty() && methods::makes_empty(&name) => Size::default(),
            _ if call.args.is_empty() => Size::unknown(),
            _ => {
                self.called_with(&name, &arguments);
                arguments
            }
        }
    }

    /// Notes a call of what may be a function with type parameters.
    fn called_with(&mut self, name: &str, arguments: &Size) {
        let few = (arguments.most() <= SMALL).then(|| arguments.of.clone());
        let often = self.rounds.max(self.elements) >= OFTEN;
        let known = self.heat.calls.entry(name.to_string());
        let known = known.or_insert_with(|| Called { few: Some(BTreeSet::new()), often: false });
        known.few = known.few.take().zip(few).map(|(before, now)| &before | &now);
        known.often |= often;
    }

    pub(super) fn call_macro(&mut self, call: &syn::Macro) -> Size {
        self.spend(1);
        let name = call.path.segments.last().map_or_else(String::new, |last| last.ident.to_string());
        if name == "vec"
            && let Ok((element, len)) = call.parse_body_with(repeated)
        {
            let (element, len) = (self.expr(&element), self.expr(&len));
            return self.elements(element, &len);
        }
        let arguments = call.parse_body_with(Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated);
        let Ok(arguments) = arguments else { return Size::elements(SMALL) };
        match name.as_str() {
            "vec" => self.collection(arguments.iter()),
            "print" | "println" | "eprint" | "eprintln" | "format" | "write" | "writeln" => {
                self.exprs(&arguments);
                Size::elements(SMALL)
            }
            _ => self.exprs(&arguments),
        }
    }
}

/// `element; len`, as in `vec![0; n]`.
fn repeated(input: syn::parse::ParseStream) -> syn::Result<(syn::Expr, syn::Expr)> {
    let element = input.parse()?;
    input.parse::<syn::Token![;]>()?;
    Ok((element, input.parse()?))
}

/// The last name of a function's path.
fn called(func: &syn::Expr) -> Option<String> {
    match func {
        syn::Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        syn::Expr::Reference(reference) => called(&reference.expr),
        _ => None,
    }
}
