//! Writes the body of a macro's rule with what its variables stand for. Never matches anything.

use std::iter::repeat_n;

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use super::matching::{Bindings, Bound, variables};
use super::pattern::Node;
use crate::engine::text::tokens::is_punct;

/// The body with its variables replaced. `None` if rustc would refuse it: the variables of a repetition have to come
/// equally often.
pub(super) fn body(nodes: &[Node], bindings: &Bindings) -> Option<TokenStream> {
    let mut written: Vec<TokenTree> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        match node {
            Node::Token(token) => written.push(token.clone()),
            Node::Group(delimiter, nodes) => {
                written.push(TokenTree::Group(Group::new(*delimiter, body(nodes, bindings)?)));
            }
            Node::Variable { name, .. } => match bindings.get(name) {
                Some(Bound::One { kind, tokens }) => {
                    let path_follows = matches!(nodes.get(index + 1..index + 3),
                        Some([Node::Token(a), Node::Token(b)]) if is_punct(Some(a), ':') && is_punct(Some(b), ':'));
                    written.extend(fragment(kind, tokens, path_follows));
                }
                Some(Bound::Many(_)) => return None,
                None if name == "crate" => written.push(Ident::new("crate", Span::call_site()).into()),
                // A variable of a macro that the body defines.
                None => {
                    written.push(Punct::new('$', Spacing::Alone).into());
                    written.push(TokenTree::Ident(name_of(name)));
                }
            },
            Node::Repetition { nodes, separator, operator } => {
                match turns(nodes, bindings)? {
                    Some(turns) => {
                        for (turn, bindings) in turns.iter().enumerate() {
                            let before = separator.iter().filter(|_| turn > 0);
                            written.extend(before.cloned());
                            written.extend(body(nodes, bindings)?);
                        }
                    }
                    // A repetition of a macro that the body defines.
                    None => {
                        written.push(Punct::new('$', Spacing::Alone).into());
                        written.push(Group::new(Delimiter::Parenthesis, body(nodes, bindings)?).into());
                        written.extend(separator.iter().cloned());
                        written.push(Punct::new(*operator, Spacing::Alone).into());
                    }
                }
            }
        }
    }
    Some(written.into_iter().collect())
}

fn name_of(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// What the variables stand for in each turn of a repetition. `Some(None)` if none of its variables repeats.
#[expect(clippy::option_option, reason = "refused, and not of this macro, are two things")]
fn turns(nodes: &[Node], bindings: &Bindings) -> Option<Option<Vec<Bindings>>> {
    let mut names = Vec::new();
    variables(nodes, &mut names);
    let repeated: Vec<(&str, &Vec<Bound>)> = names
        .into_iter()
        .filter_map(|name| match bindings.get(name)? {
            Bound::Many(each) => Some((name, each)),
            Bound::One { .. } => None,
        })
        .collect();
    let Some((_, first)) = repeated.first() else { return Some(None) };
    if repeated.iter().any(|(_, each)| each.len() != first.len()) {
        return None;
    }
    let mut turns: Vec<Bindings> = repeat_n(bindings.clone(), first.len()).collect();
    for (name, each) in repeated {
        for (turn, bound) in turns.iter_mut().zip(each) {
            turn.insert(name.to_string(), bound.clone());
        }
    }
    Some(Some(turns))
}

/// The tokens of a fragment, in brackets where rustc would keep them together.
fn fragment(kind: &str, tokens: &[TokenTree], path_follows: bool) -> Vec<TokenTree> {
    let has = |character| tokens.iter().any(|token| is_punct(Some(token), character));
    let in_brackets = || vec![Group::new(Delimiter::Parenthesis, tokens.iter().cloned().collect()).into()];
    match kind {
        "expr" | "expr_2021" if tokens.len() > 1 => in_brackets(),
        "ty" if path_follows && tokens.len() > 1 => {
            let punct = |character| TokenTree::from(Punct::new(character, Spacing::Alone));
            [punct('<')].into_iter().chain(tokens.iter().cloned()).chain([punct('>')]).collect()
        }
        "ty" if has('+') => in_brackets(),
        "pat" if has('|') => in_brackets(),
        _ => tokens.to_vec(),
    }
}
