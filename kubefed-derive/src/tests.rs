//! The expansion without a compiler: what the programs in `tests/ui/pass` become, and one error for one mistake.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{File, Item};

use crate::expand;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ui/pass");
const EXPANSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expand");

/// The expansion of each program that the compiler takes, as it would be written by hand.
///
/// `UPDATE_EXPANSIONS=1 cargo test -p kubefed-derive` writes the files anew; read the difference.
#[test]
fn expansions_are_those_in_the_tree() {
    let update = env::var_os("UPDATE_EXPANSIONS").is_some();
    let mut programs: Vec<_> = fs::read_dir(PROGRAMS).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    assert!(!programs.is_empty(), "no programs in {PROGRAMS}");

    for program in programs {
        let expansion = format_code(expansions_of(&fs::read_to_string(&program).unwrap()));
        let file = Path::new(EXPANSIONS).join(program.file_name().unwrap());
        if update {
            fs::write(&file, &expansion).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            expansion == expected,
            "{} is not what the derive writes now; UPDATE_EXPANSIONS=1 writes it anew:\n{expansion}",
            file.display()
        );
    }
    let stale: Vec<_> = fs::read_dir(EXPANSIONS)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| !Path::new(PROGRAMS).join(file.file_name().unwrap()).exists())
        .collect();
    assert!(stale.is_empty(), "no programs for {stale:?}");
}

fn expansions_of(program: &str) -> TokenStream {
    let derives = |item: &&Item| {
        let Item::Struct(item) = item else { return false };
        item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("derive")
                && attribute.to_token_stream().to_string().contains("Federate")
        })
    };
    let file: File = syn::parse_file(program).unwrap();
    file.items.iter().filter(derives).map(|item| expand::derive(item.to_token_stream())).collect()
}

fn format_code(code: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(code).unwrap())
}

/// The messages of an expansion, and the types that it implements `Federate` for.
fn errors_of(input: TokenStream) -> (Vec<String>, Vec<String>) {
    let (mut messages, mut subjects) = (Vec::new(), Vec::new());
    for item in syn::parse2::<File>(expand::derive(input)).unwrap().items {
        match item {
            Item::Macro(item) => {
                messages.push(item.mac.parse_body::<syn::LitStr>().unwrap().value());
            }
            Item::Impl(item) => subjects.push(item.self_ty.to_token_stream().to_string()),
            other => panic!("neither an error nor an implementation: {}", other.to_token_stream()),
        }
    }
    (messages, subjects)
}

/// A marker with `attributes` behind all that it needs.
fn marker(attributes: &TokenStream) -> TokenStream {
    quote! {
        #[federate(target = Deployment, version = "v1", kind = "Deployment", template(schema = "{}"), #attributes)]
        struct Subject;
    }
}

/// A custom resource with `attributes`.
fn custom_resource(attributes: &TokenStream) -> TokenStream {
    quote! {
        #[kube(group = "example.com", version = "v1", kind = "Subject")]
        #[federate(#attributes)]
        struct SubjectSpec { replicas: i32 }
    }
}

#[test]
fn one_mistake_is_one_error_beside_an_implementation() {
    let cases = [
        (marker(&quote!(grup = "apps")), "unknown attribute `grup`: did you mean `group`?"),
        (
            marker(&quote!(group = "apps", finaliser = "f")),
            "unknown attribute `finaliser`: write one of `crates`, `federated`, `group`, `kind`",
        ),
        (marker(&quote!()), "add `group = \"example.com\"` (the core group is `\"\"`)"),
        (marker(&quote!(group = "apps", group = "batch")), "`group` is given twice: keep one"),
        (marker(&quote!(group = apps)), "write a string literal here"),
        (marker(&quote!(group)), "a value is missing"),
        (marker(&quote!(group = "apps", short_names = "f")), "write string literals in parentheses"),
        (marker(&quote!(group = "apps", short_names(f))), "write a string literal here"),
        (marker(&quote!(group = "Apps")), "a group is a DNS name in lower case"),
        (marker(&quote!(group = "apps..com")), "a group is a DNS name in lower case"),
        (marker(&quote!(group = "apps", plural = "Deployments")), "this name takes lower-case letters"),
        (
            marker(&quote!(group = "apps", scope = "namespaced")),
            "unknown value `namespaced`: did you mean `Namespaced`?",
        ),
        (
            marker(&quote!(group = "apps", namespaced, scope = "Cluster")),
            "`namespaced` and `scope` say the same",
        ),
        (marker(&quote!(group = "apps", federated(group = ""))), "a group is a DNS name in lower case"),
        (marker(&quote!(group = "apps", federated(kind = "deployment"))), "begins with an upper-case letter"),
        (marker(&quote!(group = "apps", federated(grup = "a"))), "did you mean `group`?"),
        (marker(&quote!(group = "apps", federated)), "this is not how it is written: `federated(kind ="),
        (marker(&quote!(group = "apps", crates(runtime = 5))), "`crates(runtime = path"),
        (marker(&quote!(group = "apps", namespaced = true)), "written: `namespaced`"),
        (marker(&quote!(group = "apps", template("x"))), "`template` is given twice"),
        (custom_resource(&quote!(template("x"))), "written: `template(schema = "),
        (custom_resource(&quote!(federated(scope = 5))), "written: `federated(kind = "),
        (marker(&quote!(group = "apps", replicas)), "write the path of a field"),
        (marker(&quote!(group = "apps", replicas = spec.0)), "write the path of a field"),
        (marker(&quote!(group = "apps", replicas = spec.count())), "write the path of a field"),
        (marker(&quote!(group = "apps", replicas = spec.list[0].count)), "not a list or a map"),
        (marker(&quote!(group = "apps", replicas = ".spec.replicas")), "without quotes"),
        (marker(&quote!(group = "apps", replicas = spec.type)), "`spec.r#type`"),
        (marker(&quote!(group = "apps", replicas(json = ".a"))), "`path` is missing here"),
        (marker(&quote!(group = "apps", replicas(path = spec.a, json = "a.b"))), "`\".spec.replicas\"`"),
        (marker(&quote!(group = "apps", replicas(path = spec.a, json = ".a[0]"))), "`\".spec.replicas\"`"),
        (custom_resource(&quote!(group = "apps")), "`group` is that of `#[kube(…)]`: remove it here"),
        (custom_resource(&quote!(namespaced)), "`namespaced` is that of `#[kube(…)]`: remove it here"),
        (custom_resource(&quote!(scope = "Cluster")), "`scope` is that of `#[kube(…)]`: remove it here"),
        (custom_resource(&quote!(target = Other)), "remove `target`"),
        (
            quote!(
                enum Subject {
                    A,
                }
            ),
            "goes on the spec of a `#[derive(CustomResource)]` type",
        ),
        (
            quote!(
                struct Subject(String);
            ),
            "goes on the spec of a `#[derive(CustomResource)]` type",
        ),
        (quote!(union Subject { a: u8, b: i8 }), "goes on the spec of a `#[derive(CustomResource)]` type"),
        (
            quote!(
                struct Subject;
            ),
            "a unit struct needs the type that it stands for",
        ),
        (
            quote!(
                #[federate(target = A)]
                struct Subject {
                    a: u8,
                }
            ),
            "make it a unit struct",
        ),
        (
            quote!(
                #[federate(target = A)]
                enum Subject {}
            ),
            "make it a unit struct",
        ),
        (
            quote!(
                struct Subject {
                    a: u8,
                }
            ),
            "`group = \"example.com\"` (the core group is `\"\"`), `version",
        ),
    ];
    for (input, expected) in cases {
        let (messages, subjects) = errors_of(input.clone());
        assert!(messages.len() == 1 && messages[0].contains(expected), "{input}\n{expected}\n{messages:#?}");
        assert_eq!(subjects, ["Subject"], "{input}");
    }
}

#[test]
fn independent_mistakes_are_reported_together() {
    let (messages, subjects) = errors_of(marker(&quote!(group = "A", plural = "B", short_names("C"))));
    assert_eq!((messages.len(), subjects.len()), (3, 1), "{messages:#?}");
}

#[test]
fn generics_are_refused_with_an_implementation_for_all_of_them() {
    let (messages, subjects) = errors_of(quote! {
        #[federate(group = "example.com", version = "v1", kind = "Website")]
        struct Subject<'a, T: Clone, const N: usize> where T: Copy { field: &'a [T; N] }
    });
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert!(messages[0].contains("no generics"));
    assert_eq!(subjects, ["Subject < 'a , T , N >"]);
}

#[test]
fn what_custom_resource_refuses_is_left_to_it() {
    let refused = [
        quote!(
            #[kube(version = "v1", kind = "Website")]
            struct WebsiteSpec {
                host: String,
            }
        ),
        quote!(
            #[kube(group = "a.b", version = "v1", kind = "No Type")]
            struct WebsiteSpec {
                host: String,
            }
        ),
        quote!(
            #[kube(group = "a.b", version = "v1", kind = "Website")]
            struct Website {
                host: String,
            }
        ),
        quote!(
            #[kube(group = "a.b", version = "v1", kind = "Website", kind = "A")]
            struct WebsiteSpec {
                host: String,
            }
        ),
    ];
    for input in refused {
        assert!(expand::derive(input.clone()).is_empty(), "{input}");
    }
}

#[test]
fn attributes_of_custom_resource_that_are_not_ours_are_let_be() {
    let input = quote! {
        #[kube(group = "a.b", version = "v1", kind = "Website", shortname = "w", shortname = "ws", no_such_thing(1))]
        #[kube(printcolumn(name = "a", type_ = "string", json_path = ".a"))]
        struct WebsiteSpec { host: String }
    };
    assert_eq!(errors_of(input), (vec![], vec!["Website".to_owned()]));
}
