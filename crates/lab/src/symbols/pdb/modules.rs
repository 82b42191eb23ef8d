//! The modules of a PDB, one for each object file: procedures, what is inlined into them, lines.
//!
//! A part that cannot be read is left out, so that the others still give names.

use std::{collections::HashMap, io::Cursor, ops::Range};

use pdb2::{
    AddressMap, FallibleIterator as _, IdData, IdFinder, IdIndex, InlineSiteSymbol, Inlinee, ItemFinder, ItemIndex,
    ItemInformation, LineInfo, LineProgram, ModuleInfo, PDB, ProcedureSymbol, StringTable, SymbolData, TypeFinder,
};

use super::{super::file_name, Inlined, Line, Procedure};

type Pdb = PDB<'static, Cursor<Vec<u8>>>;

/// Every procedure of `pdb`, in ascending order of address.
pub(super) fn procedures(pdb: &mut Pdb, addresses: &AddressMap<'static>) -> pdb2::Result<Vec<Procedure>> {
    let types = pdb.type_information().ok();
    let ids = pdb.id_information().ok();
    let mut reader = Reader {
        addresses,
        strings: pdb.string_table().ok(),
        types: types.as_ref().and_then(finder),
        ids: ids.as_ref().and_then(finder),
        procedures: Vec::new(),
    };
    let debug_information = pdb.debug_information()?;
    let mut modules = debug_information.modules()?;
    while let Some(module) = modules.next()? {
        if let Ok(Some(module)) = pdb.module_info(&module) {
            // What was read before an error stays.
            let _ = reader.module(&module);
        }
    }
    let mut procedures = reader.procedures;
    // Stable: of two that begin alike, the one of the later module counts, always the same.
    procedures.sort_by_key(|procedure| procedure.code.start);
    Ok(procedures)
}

/// The items of a table by their index, which takes reading the table once.
fn finder<'tables, I: ItemIndex>(table: &'tables ItemInformation<'_, I>) -> Option<ItemFinder<'tables, I>> {
    let mut finder = table.finder();
    let mut items = table.iter();
    while items.next().ok()?.is_some() {
        finder.update(&items);
    }
    Some(finder)
}

/// What all modules have in common, and what was read of them.
struct Reader<'pdb> {
    addresses: &'pdb AddressMap<'static>,
    strings: Option<StringTable<'static>>,
    types: Option<TypeFinder<'pdb>>,
    ids: Option<IdFinder<'pdb>>,
    procedures: Vec<Procedure>,
}

impl Reader<'_> {
    fn module(&mut self, module: &ModuleInfo<'_>) -> pdb2::Result<()> {
        let program = module.line_program().ok();
        let mut inlinees: HashMap<IdIndex, Inlinee<'_>> = HashMap::new();
        if let Ok(mut all) = module.inlinees() {
            while let Ok(Some(inlinee)) = all.next() {
                inlinees.insert(inlinee.index(), inlinee);
            }
        }
        let mut inside = None;
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            match symbol.parse() {
                Ok(SymbolData::Procedure(procedure)) => {
                    inside = self.procedure(&procedure, program.as_ref()).then_some(procedure);
                }
                Ok(SymbolData::InlineSite(site)) => {
                    if let Some(procedure) = &inside {
                        self.inline_site(procedure, &site, inlinees.get(&site.inlinee), program.as_ref());
                    }
                }
                // Of other symbols there is nothing to tell, nor of what is of no known kind.
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds `symbol`, unless it has no code: the linker may have dropped it.
    fn procedure(&mut self, symbol: &ProcedureSymbol<'_>, program: Option<&LineProgram<'_>>) -> bool {
        let Some(start) = symbol.offset.to_rva(self.addresses).map(|rva| rva.0) else {
            return false;
        };
        let Some(code) = start.checked_add(symbol.len).map(|end| start..end) else {
            return false;
        };
        let mut lines = Vec::new();
        if let Some(program) = program {
            let mut infos = program.lines_for_symbol(symbol.offset);
            while let Ok(Some(info)) = infos.next() {
                lines.push(info);
            }
        }
        self.procedures.push(Procedure {
            lines: self.lines(&lines, &code, program),
            code,
            name: symbol.name.to_string().into_owned(),
            inlined: Vec::new(),
        });
        true
    }

    /// Adds `site` to the procedure that was added last, which is that of `symbol`.
    fn inline_site(
        &mut self,
        symbol: &ProcedureSymbol<'_>,
        site: &InlineSiteSymbol<'_>,
        inlinee: Option<&Inlinee<'_>>,
        program: Option<&LineProgram<'_>>,
    ) {
        let Some(code) = self.procedures.last().map(|procedure| procedure.code.clone()) else {
            return;
        };
        let mut lines = Vec::new();
        if let Some(inlinee) = inlinee {
            let mut infos = inlinee.lines(symbol.offset, site);
            while let Ok(Some(info)) = infos.next() {
                lines.push(info);
            }
        }
        let inlined = Inlined {
            name: self.id_name(site.inlinee),
            lines: self.lines(&lines, &code, program),
        };
        if let Some(procedure) = self.procedures.last_mut() {
            procedure.inlined.push(inlined);
        }
    }

    /// The lines in `infos`, as far as they are of the procedure with `code`.
    fn lines(&self, infos: &[LineInfo], code: &Range<u32>, program: Option<&LineProgram<'_>>) -> Vec<Line> {
        let mut lines = Vec::with_capacity(infos.len());
        for (index, info) in infos.iter().enumerate() {
            let Some(start) = info.offset.to_rva(self.addresses).map(|rva| rva.0) else {
                continue;
            };
            // Without a length, a line goes on to the next.
            let end = match info.length {
                Some(length) => start.saturating_add(length),
                None => infos
                    .get(index + 1)
                    .and_then(|next| next.offset.to_rva(self.addresses))
                    .map_or(code.end, |rva| rva.0),
            };
            let range = start.max(code.start)..end.min(code.end);
            if !range.is_empty() {
                lines.push(Line {
                    code: range,
                    file: program.and_then(|program| self.file(program, info)),
                    line: info.line_start,
                });
            }
        }
        lines
    }

    fn file(&self, program: &LineProgram<'_>, info: &LineInfo) -> Option<String> {
        let name = program.get_file_info(info.file_index).ok()?.name;
        let path = self.strings.as_ref()?.get(name).ok()?;
        Some(file_name(&path.to_string()).to_owned())
    }

    /// The name of an inlined function with that of the module or type it is in.
    fn id_name(&self, index: IdIndex) -> Option<String> {
        let ids = self.ids.as_ref()?;
        let (scope, name) = match ids.find(index).ok()?.parse().ok()? {
            IdData::Function(function) => {
                let scope = function
                    .scope
                    .and_then(|scope| match ids.find(scope).ok()?.parse().ok()? {
                        IdData::String(string) => Some(string.name.to_string().into_owned()),
                        _ => None,
                    });
                (scope, function.name)
            }
            IdData::MemberFunction(function) => {
                let types = self.types.as_ref();
                let parent = types.and_then(|types| {
                    let parent = types.find(function.parent).ok()?.parse().ok()?;
                    Some(parent.name()?.to_string().into_owned())
                });
                (parent, function.name)
            }
            _ => return None,
        };
        let name = name.to_string();
        Some(match scope {
            Some(scope) => format!("{scope}::{name}"),
            None => name.into_owned(),
        })
    }
}
