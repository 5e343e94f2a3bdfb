//! What ties impls and traits to other items: the names that an impl is about, and those that a trait declares.

use std::collections::BTreeSet;

/// The names of what a trait declares.
pub(super) fn declared(item: &syn::ItemTrait) -> BTreeSet<String> {
    let name = |item: &syn::TraitItem| match item {
        syn::TraitItem::Fn(f) => Some(f.sig.ident.to_string()),
        syn::TraitItem::Const(c) => Some(c.ident.to_string()),
        syn::TraitItem::Type(t) => Some(t.ident.to_string()),
        _ => None,
    };
    item.items.iter().filter_map(name).collect()
}

/// The names of which one must be of the impl's own crate, by the
/// [orphan rules](https://doc.rust-lang.org/reference/items/implementations.html#orphan-rules): those of the self type, of
/// the trait's arguments, and of the trait.
pub(super) fn anchors(item: &syn::ItemImpl) -> Vec<String> {
    let mut anchors: Vec<String> = type_root(&item.self_ty).into_iter().collect();
    let Some((path, _)) = &item.trait_ else { return anchors };
    for segment in &path.segments {
        let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { continue };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            syn::GenericArgument::Type(ty) => type_root(ty),
            _ => None,
        });
        anchors.extend(types);
    }
    anchors.extend(path_root(path));
    anchors
}

/// The first name of a type's path. Looks through references and
/// [fundamental types](https://doc.rust-lang.org/reference/glossary.html#fundamental-type-constructors), which the
/// orphan rules look through as well. `None` if the type has no path.
fn type_root(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Reference(reference) => type_root(&reference.elem),
        syn::Type::Paren(paren) => type_root(&paren.elem),
        syn::Type::Group(group) => type_root(&group.elem),
        syn::Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            syn::TypeParamBound::Trait(bound) => path_root(&bound.path),
            _ => None,
        }),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            let inside = match &last.arguments {
                syn::PathArguments::AngleBracketed(arguments) if last.ident == "Box" || last.ident == "Pin" => {
                    arguments.args.iter().find_map(|argument| match argument {
                        syn::GenericArgument::Type(ty) => type_root(ty),
                        _ => None,
                    })
                }
                _ => None,
            };
            inside.or_else(|| path_root(&path.path))
        }
        _ => None,
    }
}

/// The first name of a path behind `crate`, `self` and `super`.
fn path_root(path: &syn::Path) -> Option<String> {
    let is_keyword = |name: &String| ["crate", "self", "super"].contains(&name.as_str());
    path.segments.iter().map(|segment| segment.ident.to_string()).find(|name| !is_keyword(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impl_is_about_its_type_and_its_trait() {
        for (source, expected) in [
            ("impl A {}", vec!["A"]),
            ("impl<T: Bound> A<T> {}", vec!["A"]),
            ("impl shapes::Round for &mut Box<m::A> {}", vec!["m", "shapes"]),
            ("impl From<crate::B> for Vec<A> {}", vec!["Vec", "B", "From"]),
            ("impl dyn T {}", vec!["T"]),
            ("impl T for [A; 3] {}", vec!["T"]),
        ] {
            assert_eq!(anchors(&syn::parse_str(source).expect("an impl")), expected, "{source}");
        }
    }

    #[test]
    fn a_trait_declares_more_than_methods() {
        let item = syn::parse_str("trait T { type Out; const N: u8; fn f(&self); }").expect("a trait");
        assert_eq!(declared(&item), ["N", "Out", "f"].map(str::to_string).into());
    }
}
