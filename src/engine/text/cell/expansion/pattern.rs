//! Parts of a `macro_rules!` definition: its rules, and the patterns and bodies in them, as the
//! [reference](https://doc.rust-lang.org/reference/macros-by-example.html) describes them. Never expands anything.

use crate::engine::text::tokens::is_punct;
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One rule of a macro.
pub(super) struct Rule {
    pub matcher: Vec<Node>,
    pub body: Vec<Node>,
}

/// A part of a matcher or of a body.
pub(super) enum Node {
    Token(TokenTree),
    Group(Delimiter, Vec<Node>),
    /// `$name:kind`. In a body `kind` is empty.
    Variable {
        name: String,
        kind: String,
    },
    /// `$( … ) separator operator`
    Repetition {
        nodes: Vec<Node>,
        separator: Vec<TokenTree>,
        operator: char,
    },
}

/// The rules of the macro that this text defines. `None` if the text is no `macro_rules!` of a known form.
pub(super) fn rules(definition: &str) -> Option<Vec<Rule>> {
    let item: syn::ItemMacro = syn::parse_str(definition).ok()?;
    let mut tokens = item.mac.tokens.into_iter();
    let mut rules = Vec::new();
    while let Some(matcher) = tokens.next() {
        let TokenTree::Group(matcher) = matcher else { return None };
        let is_arrow = is_punct(tokens.next().as_ref(), '=') && is_punct(tokens.next().as_ref(), '>');
        let TokenTree::Group(body) = tokens.next().filter(|_| is_arrow)? else { return None };
        rules.push(Rule { matcher: nodes(matcher.stream(), true)?, body: nodes(body.stream(), false)? });
        if !tokens.next().is_none_or(|token| is_punct(Some(&token), ';')) {
            return None;
        }
    }
    Some(rules)
}

/// `in_matcher`: whether variables have kinds.
fn nodes(tokens: TokenStream, in_matcher: bool) -> Option<Vec<Node>> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        let (node, length) = match token {
            TokenTree::Punct(dollar) if dollar.as_char() == '$' => variable(&tokens[at + 1..], in_matcher)?,
            TokenTree::Group(group) => (Node::Group(group.delimiter(), nodes(group.stream(), in_matcher)?), 1),
            token => (Node::Token(token.clone()), 1),
        };
        found.push(node);
        at += length;
    }
    Some(found)
}

/// Reads what stands behind a `$`. Returns how many tokens it has with the `$`.
fn variable(tokens: &[TokenTree], in_matcher: bool) -> Option<(Node, usize)> {
    match tokens.first()? {
        TokenTree::Ident(name) if in_matcher => match (tokens.get(1), tokens.get(2)?) {
            (colon, TokenTree::Ident(kind)) if is_punct(colon, ':') => {
                Some((Node::Variable { name: name.to_string(), kind: kind.to_string() }, 4))
            }
            _ => None,
        },
        TokenTree::Ident(name) => Some((Node::Variable { name: name.to_string(), kind: String::new() }, 2)),
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            let nodes = nodes(group.stream(), in_matcher)?;
            let (separator, operator, length) = repetition(&tokens[1..])?;
            Some((Node::Repetition { nodes, separator, operator }, 2 + length))
        }
        _ => None,
    }
}

/// Reads what stands behind `$( … )`: a separator, if there is one, and the operator. Returns how many tokens that are.
fn repetition(tokens: &[TokenTree]) -> Option<(Vec<TokenTree>, char, usize)> {
    let operator = |at: usize| match tokens.get(at)? {
        TokenTree::Punct(punct) => Some(punct.as_char()).filter(|c| ['*', '+', '?'].contains(c)),
        _ => None,
    };
    if let Some(operator) = operator(0) {
        return Some((Vec::new(), operator, 1));
    }
    let separator = tree(tokens)?;
    Some((tokens[..separator].to_vec(), operator(separator)?, separator + 1))
}

/// A token as rustc counts them: `::` and `'a` are one each.
pub(super) fn tree(input: &[TokenTree]) -> Option<usize> {
    const THREE: [&str; 4] = ["<<=", ">>=", "...", "..="];
    const TWO: [&str; 20] = [
        "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<",
        ">>", "..",
    ];
    if let Some(lifetime) = lifetime(input) {
        return Some(lifetime);
    }
    let mut joint = String::new();
    for token in input.iter().take(3) {
        let TokenTree::Punct(punct) = token else { break };
        joint.push(punct.as_char());
        if punct.spacing() == Spacing::Alone {
            break;
        }
    }
    match joint.get(..2) {
        _ if THREE.contains(&joint.as_str()) => Some(3),
        Some(two) if TWO.contains(&two) => Some(2),
        _ => input.first().map(|_| 1),
    }
}

pub(super) fn lifetime(input: &[TokenTree]) -> Option<usize> {
    (is_punct(input.first(), '\'') && matches!(input.get(1), Some(TokenTree::Ident(_)))).then_some(2)
}
