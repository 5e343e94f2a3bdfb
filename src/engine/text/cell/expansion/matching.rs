//! Matches the tokens of a macro call with a rule's pattern, as
//! [rustc does](https://doc.rust-lang.org/reference/macros-by-example.html#transcribing): a repetition takes as much as it
//! can, and nothing that was matched once is matched in another way. Never writes any text.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};

use super::pattern::{Node, lifetime, tree};
use crate::engine::text::tokens::is_punct;

/// What the variables of a pattern stand for.
pub(super) type Bindings = BTreeMap<String, Bound>;

/// What one variable stands for.
#[derive(Clone)]
pub(super) enum Bound {
    /// These tokens, which were matched as this kind of fragment.
    One { kind: String, tokens: Vec<TokenTree> },
    /// One of these in each turn of a repetition.
    Many(Vec<Bound>),
}

/// Matches all of `input`. `None` if the pattern is another.
pub(super) fn whole(pattern: &[Node], input: &[TokenTree]) -> Option<Bindings> {
    let (bindings, length) = beginning(pattern, input)?;
    (length == input.len()).then_some(bindings)
}

/// Matches the beginning of `input`. Returns how many tokens it has.
fn beginning(pattern: &[Node], input: &[TokenTree]) -> Option<(Bindings, usize)> {
    let (mut bindings, mut at) = (Bindings::new(), 0);
    for node in pattern {
        let rest = &input[at..];
        at += match node {
            Node::Token(token) => {
                rest.first().filter(|other| is_same(token, other))?;
                1
            }
            Node::Group(delimiter, nodes) => {
                let TokenTree::Group(group) = rest.first()? else { return None };
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                bindings.extend(whole(nodes, &inside).filter(|_| group.delimiter() == *delimiter)?);
                1
            }
            Node::Variable { name, kind } => {
                let length = length(kind, rest)?;
                let tokens = rest[..length].to_vec();
                bindings.insert(name.clone(), Bound::One { kind: kind.clone(), tokens });
                length
            }
            Node::Repetition { nodes, separator, operator } => {
                let (turns, length) = turns(nodes, separator, *operator, rest)?;
                let mut names = Vec::new();
                variables(nodes, &mut names);
                for name in names {
                    let each = turns.iter().filter_map(|turn| turn.get(name).cloned()).collect();
                    bindings.insert(name.to_string(), Bound::Many(each));
                }
                length
            }
        };
    }
    Some((bindings, at))
}

fn turns(
    nodes: &[Node],
    separator: &[TokenTree],
    operator: char,
    input: &[TokenTree],
) -> Option<(Vec<Bindings>, usize)> {
    let (mut turns, mut at) = (Vec::new(), 0);
    while operator != '?' || turns.is_empty() {
        let mut start = at;
        if !turns.is_empty() {
            let has = |(index, token): (usize, &TokenTree)| {
                input.get(at + index).is_some_and(|other| is_same(token, other))
            };
            if !separator.iter().enumerate().all(has) {
                break;
            }
            start += separator.len();
        }
        match beginning(nodes, &input[start..]) {
            // A turn without tokens would never end.
            Some((turn, length)) if start + length > at => {
                turns.push(turn);
                at = start + length;
            }
            _ => break,
        }
    }
    (operator != '+' || !turns.is_empty()).then_some((turns, at))
}

/// The names of all variables in these nodes.
pub(super) fn variables<'a>(nodes: &'a [Node], names: &mut Vec<&'a str>) {
    for node in nodes {
        match node {
            Node::Variable { name, .. } => names.push(name),
            Node::Group(_, nodes) | Node::Repetition { nodes, .. } => variables(nodes, names),
            Node::Token(_) => {}
        }
    }
}

fn is_same(token: &TokenTree, other: &TokenTree) -> bool {
    match (token, other) {
        (TokenTree::Punct(token), TokenTree::Punct(other)) => token.as_char() == other.as_char(),
        (TokenTree::Ident(token), TokenTree::Ident(other)) => token == other,
        (TokenTree::Literal(token), TokenTree::Literal(other)) => token.to_string() == other.to_string(),
        _ => false,
    }
}

/// The number of tokens at the beginning of `input` that are a fragment of this kind. `None` if there is no such fragment.
fn length(kind: &str, input: &[TokenTree]) -> Option<usize> {
    match kind {
        "ident" => matches!(input.first()?, TokenTree::Ident(ident) if ident != "_").then_some(1),
        "tt" => tree(input),
        "lifetime" => lifetime(input),
        "literal" => {
            let sign = usize::from(is_punct(input.first(), '-'));
            match input.get(sign)? {
                TokenTree::Literal(_) => Some(sign + 1),
                TokenTree::Ident(word) if sign == 0 && (word == "true" || word == "false") => Some(1),
                _ => None,
            }
        }
        "vis" => parsed(input, |input| input.parse::<syn::Visibility>().map(drop)),
        "ty" => parsed(input, |input| input.parse::<syn::Type>().map(drop)),
        "path" => parsed(input, |input| input.parse::<syn::TypePath>().map(drop)),
        "expr" | "expr_2021" => parsed(input, |input| input.parse::<syn::Expr>().map(drop)),
        "block" => parsed(input, |input| input.parse::<syn::Block>().map(drop)),
        "stmt" => parsed(input, |input| input.parse::<syn::Stmt>().map(drop)),
        "item" => parsed(input, |input| input.parse::<syn::Item>().map(drop)),
        "meta" => parsed(input, |input| input.parse::<syn::Meta>().map(drop)),
        "pat" => parsed(input, |input| syn::Pat::parse_multi_with_leading_vert(input).map(drop)),
        "pat_param" => parsed(input, |input| syn::Pat::parse_single(input).map(drop)),
        _ => None,
    }
}

fn parsed(input: &[TokenTree], parse: impl Fn(ParseStream<'_>) -> syn::Result<()>) -> Option<usize> {
    let tokens: TokenStream = input.iter().cloned().collect();
    let rest = |input: ParseStream<'_>| {
        parse(input)?;
        input.parse::<TokenStream>()
    };
    let rest = rest.parse2(tokens).ok()?;
    Some(input.len() - rest.into_iter().count())
}
