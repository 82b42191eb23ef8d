//! The sizes of the types that windows-sys names, on 64-bit Windows.
//!
//! Every type is followed to a primitive, a pointer or a `repr(C)` structure of these. What is none
//! of these is an error: a size is never guessed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use syn::{Attribute, Expr, Fields, FieldsNamed, GenericArgument, Item, Lit, LitInt, PathArguments, Type};

const POINTER: Layout = Layout { size: 8, align: 8 };

#[derive(Clone, Copy)]
struct Layout {
    size: usize,
    align: usize,
}

/// The type definitions of windows-sys, read as they are asked for.
pub(super) struct Types {
    source: PathBuf,
    modules: HashMap<Vec<String>, Rc<HashMap<String, Definition>>>,
}

enum Definition {
    Alias(Box<Type>),
    Structure(Composite),
    Union(Composite),
}

struct Composite {
    fields: Vec<Type>,
    /// The N of `repr(C, packed(N))`.
    packed: Option<usize>,
}

impl Types {
    pub(super) fn new(source: PathBuf) -> Self {
        Self {
            source,
            modules: HashMap::new(),
        }
    }

    /// The size in bytes of a type as it is written in a module.
    pub(super) fn size(&mut self, ty: &Type, module: &[String]) -> Result<usize> {
        Ok(self.layout(ty, module)?.size)
    }

    fn layout(&mut self, ty: &Type, module: &[String]) -> Result<Layout> {
        match ty {
            Type::Ptr(_) | Type::FnPtr(_) => Ok(POINTER),
            Type::Never(_) => Ok(Layout { size: 0, align: 1 }),
            Type::Array(array) => {
                let Layout { size, align } = self.layout(&array.elem, module)?;
                Ok(Layout {
                    size: size * length(&array.len)?,
                    align,
                })
            }
            Type::Path(path) => self.named(&path.path, module),
            _ => bail!("a type of an unknown form"),
        }
    }

    fn named(&mut self, path: &syn::Path, module: &[String]) -> Result<Layout> {
        let segments: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
        if let [name] = segments.as_slice() {
            if let Some(size) = primitive(name) {
                return Ok(Layout { size, align: size });
            }
            if name == "Option" {
                return self.option(path, module);
            }
        }
        let (module, name) = resolve(&segments, module)?;
        let definitions = self.module(&module)?;
        match definitions.get(&name) {
            Some(Definition::Alias(ty)) => self.layout(ty, &module),
            Some(Definition::Structure(structure)) => self.structure(structure, &module),
            Some(Definition::Union(union)) => self.union(union, &module),
            None => bail!("no type {}::{name}", module.join("::")),
        }
    }

    /// An optional function pointer, which is null for `None`; of nothing else is the size known.
    fn option(&mut self, path: &syn::Path, module: &[String]) -> Result<Layout> {
        let arguments = path.segments.last().map(|last| &last.arguments);
        if let Some(PathArguments::AngleBracketed(arguments)) = arguments
            && let Some(GenericArgument::Type(Type::FnPtr(pointer))) = arguments.args.first()
        {
            return self.layout(&Type::FnPtr(pointer.clone()), module);
        }
        bail!("an Option of something other than a function pointer")
    }

    fn structure(&mut self, structure: &Composite, module: &[String]) -> Result<Layout> {
        let mut whole = Layout { size: 0, align: 1 };
        for field in &structure.fields {
            let field = structure.place(self.layout(field, module)?);
            whole.size = whole.size.next_multiple_of(field.align) + field.size;
            whole.align = whole.align.max(field.align);
        }
        whole.size = whole.size.next_multiple_of(whole.align);
        Ok(whole)
    }

    fn union(&mut self, union: &Composite, module: &[String]) -> Result<Layout> {
        let mut whole = Layout { size: 0, align: 1 };
        for field in &union.fields {
            let field = union.place(self.layout(field, module)?);
            whole.size = whole.size.max(field.size);
            whole.align = whole.align.max(field.align);
        }
        whole.size = whole.size.next_multiple_of(whole.align);
        Ok(whole)
    }

    fn module(&mut self, module: &[String]) -> Result<Rc<HashMap<String, Definition>>> {
        if let Some(known) = self.modules.get(module) {
            return Ok(Rc::clone(known));
        }
        let mut file = match module {
            [core] if core == "core" => self.source.clone(),
            _ => self.source.join("Windows"),
        };
        file.extend(module);
        let mut definitions = HashMap::new();
        for item in parse(&file.join("mod.rs"))?.items {
            match item {
                Item::Type(alias) if is_for_x64(&alias.attrs) => {
                    definitions.insert(alias.ident.to_string(), Definition::Alias(alias.ty));
                }
                Item::Struct(item) if is_for_x64(&item.attrs) => {
                    let name = item.ident.to_string();
                    if let Fields::Named(fields) = item.fields {
                        let structure = Composite::new(&item.attrs, fields)?;
                        definitions.insert(name, Definition::Structure(structure));
                    }
                }
                Item::Union(item) if is_for_x64(&item.attrs) => {
                    let union = Composite::new(&item.attrs, item.fields)?;
                    definitions.insert(item.ident.to_string(), Definition::Union(union));
                }
                _ => {}
            }
        }
        let definitions = Rc::new(definitions);
        self.modules.insert(module.to_owned(), Rc::clone(&definitions));
        Ok(definitions)
    }
}

impl Composite {
    fn new(attributes: &[Attribute], fields: FieldsNamed) -> Result<Self> {
        let mut packed = None;
        for attribute in attributes.iter().filter(|one| one.path().is_ident("repr")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("packed") {
                    let argument;
                    syn::parenthesized!(argument in meta.input);
                    packed = Some(argument.parse::<LitInt>()?.base10_parse()?);
                    Ok(())
                } else if meta.path.is_ident("C") {
                    Ok(())
                } else {
                    Err(meta.error("a representation other than C and packed"))
                }
            })?;
        }
        Ok(Self {
            fields: fields.named.into_iter().map(|field| field.ty).collect(),
            packed,
        })
    }

    /// A field with the alignment that it has inside.
    fn place(&self, field: Layout) -> Layout {
        Layout {
            align: self.packed.map_or(field.align, |most| field.align.min(most)),
            ..field
        }
    }
}

/// Reads one file of Rust.
pub(super) fn parse(file: &Path) -> Result<syn::File> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{}: cannot be read; run `cargo fetch`", file.display()))?;
    syn::parse_file(&text).with_context(|| format!("{}: not Rust", file.display()))
}

/// Whether an item of windows-sys is there on x64; some have a second form for 32-bit Windows.
pub(super) fn is_for_x64(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|one| one.path().is_ident("cfg")).all(|cfg| {
        let condition = cfg.meta.require_list().map(|list| list.tokens.to_string());
        condition.is_ok_and(|text| !text.contains("target_arch") || text.contains("x86_64"))
    })
}

/// The module and the name that a path means when it stands in `module`.
fn resolve(segments: &[String], module: &[String]) -> Result<(Vec<String>, String)> {
    let Some((name, path)) = segments.split_last() else {
        bail!("an empty path")
    };
    let mut module = module.to_vec();
    for segment in path {
        match segment.as_str() {
            "windows_sys" => module.clear(),
            "super" => {
                ensure!(module.pop().is_some(), "a path that leaves the crate");
            }
            _ => module.push(segment.clone()),
        }
    }
    Ok((module, name.clone()))
}

fn primitive(name: &str) -> Option<usize> {
    Some(match name {
        "bool" | "i8" | "u8" => 1,
        "i16" | "u16" => 2,
        "f32" | "i32" | "u32" => 4,
        "f64" | "i64" | "u64" | "isize" | "usize" => 8,
        _ => return None,
    })
}

fn length(expression: &Expr) -> Result<usize> {
    if let Expr::Lit(literal) = expression
        && let Lit::Int(number) = &literal.lit
    {
        return Ok(number.base10_parse()?);
    }
    bail!("an array whose length is not a number")
}
