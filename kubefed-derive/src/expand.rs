//! The code that a model becomes. Nothing is decided here.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Path, Type, parse_quote};

use crate::{
    attrs::ScopeName,
    diag,
    model::{Fallback, FallbackTarget, Model, Names, Replicas, Schema},
};

/// What `#[derive(Federate)]` becomes: the implementation, or errors and an implementation without content.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    match Model::of(&input) {
        Ok(Some(model)) => implementation(&model),
        Ok(None) => TokenStream::new(),
        Err(errors) => {
            let errors = diag::report(errors);
            let fallback = Fallback::of(&input).map(|fallback| implementation_beside_errors(&fallback));
            quote!(#errors #fallback)
        }
    }
}

/// The implementation of `Federate`, and the check of the path beside it.
fn implementation(model: &Model) -> TokenStream {
    let Model { runtime, subject, .. } = model;
    let target = model.target.clone().unwrap_or_else(|| parse_quote!(Self));
    let scope = scope_type(runtime, model.federated.scope);
    let names = type_names(runtime, &model.names);
    let federated = type_names(runtime, &model.federated);
    let short_names = short_names(&model.short_names);
    let replicas = model.replicas.as_ref().map(replicas_constant);
    let schema = schema_call(runtime, subject, &model.schema);
    let path_check = model.replicas.as_ref().map(|replicas| path_check(model, replicas));

    quote! {
        #[automatically_derived]
        impl #runtime::api::Federate for #subject {
            type Target = #target;
            type Scope = #scope;
            const TARGET: #runtime::api::TypeNames = #names;
            const FEDERATED: #runtime::api::TypeNames = #federated;
            #short_names
            #replicas
            fn template_schema() -> &'static #runtime::__private::Value {
                static SCHEMA: ::std::sync::LazyLock<#runtime::__private::Value> =
                    ::std::sync::LazyLock::new(#schema);
                &SCHEMA
            }
        }
        #path_check
    }
}

fn scope_type(runtime: &Path, scope: ScopeName) -> Type {
    match scope {
        ScopeName::Namespaced => parse_quote!(#runtime::__private::NamespaceResourceScope),
        ScopeName::Cluster => parse_quote!(#runtime::__private::ClusterResourceScope),
    }
}

fn type_names(runtime: &Path, names: &Names) -> TokenStream {
    let Names { group, version, kind, plural, scope } = names;
    let scope = match scope {
        ScopeName::Namespaced => quote!(Namespaced),
        ScopeName::Cluster => quote!(Cluster),
    };
    quote! {
        #runtime::api::TypeNames {
            group: #group,
            version: #version,
            kind: #kind,
            plural: #plural,
            scope: #runtime::api::Scope::#scope,
        }
    }
}

fn short_names(names: &[String]) -> Option<TokenStream> {
    (!names.is_empty()).then(|| quote!(const SHORT_NAMES: &'static [&'static str] = &[#(#names),*];))
}

fn replicas_constant(replicas: &Replicas) -> TokenStream {
    let segments = &replicas.json;
    quote! {
        const REPLICAS: ::core::option::Option<&'static [&'static str]> =
            ::core::option::Option::Some(&[#(#segments),*]);
    }
}

fn schema_call(runtime: &Path, subject: &Ident, schema: &Schema) -> TokenStream {
    match schema {
        Schema::CustomResource => quote!(#runtime::__private::custom_resource_template::<#subject>),
        Schema::WholeType => quote!(#runtime::__private::plain_template::<#subject>),
        Schema::Given(json) => quote!(|| #runtime::__private::embedded_template(#json)),
    }
}

/// Walks the path on the target's type, so that the compiler checks each step where it is written.
fn path_check(model: &Model, replicas: &Replicas) -> TokenStream {
    let Model { runtime, subject, .. } = model;
    let target = model.target.clone().unwrap_or_else(|| parse_quote!(#subject));
    let mut found = format_ident!("found");
    let steps: Vec<_> = replicas
        .fields
        .iter()
        .map(|field| {
            let before = std::mem::replace(&mut found, field.clone());
            quote!(let #field = #before.then(|it| &it.#field);)
        })
        .collect();
    // An error about the type of the field points at the field.
    let count = quote_spanned!(found.span()=> count(#found));
    quote! {
        const _: fn(&#target) -> ::core::option::Option<i64> = |target| {
            let found = #runtime::__private::Found::new(target);
            #(#steps)*
            #runtime::__private::#count
        };
    }
}

/// An implementation without content, beside errors: what uses the type shall not add errors of its own.
fn implementation_beside_errors(fallback: &Fallback) -> TokenStream {
    let Fallback { runtime, subject, generics, target } = fallback;
    let mut generics = generics.clone();
    if !generics.params.is_empty() {
        let bound = parse_quote!(Self: #runtime::__private::Target);
        generics.make_where_clause().predicates.push(bound);
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let target: Type = match target {
        FallbackTarget::Itself => parse_quote!(Self),
        FallbackTarget::Other(target) => (**target).clone(),
        FallbackTarget::Unknown => parse_quote!(#runtime::__private::Value),
    };
    quote! {
        #[automatically_derived]
        impl #parameters #runtime::api::Federate for #subject #arguments #bounds {
            type Target = #target;
            type Scope = #runtime::__private::NamespaceResourceScope;
            const TARGET: #runtime::api::TypeNames = #runtime::__private::NO_NAMES;
            const FEDERATED: #runtime::api::TypeNames = #runtime::__private::NO_NAMES;
            fn template_schema() -> &'static #runtime::__private::Value {
                &#runtime::__private::Value::Null
            }
        }
    }
}
