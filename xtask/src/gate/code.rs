//! The proof on the instructions themselves: what stops the system stands only where it may.
//!
//! Names in the map can hide what was inlined or folded, so the x64 code is decoded, every
//! executable byte of it. Rust's panic paths end in one of a few things: a call of KeBugCheckEx (the
//! handler of wdk-panic), `ud2` (`abort`, and what LLVM puts where code must not go), `int 29h`
//! (`__fastfail`), a breakpoint, or a jump to itself (`loop {}`).
//!
//! Not seen: an address that is computed, as no compiler does for an import. An import of
//! KeBugCheckEx that nothing was seen to refer to is therefore a finding too.

use super::Expected;
use super::check::{Check, Findings};
use super::functions::Function;
use super::image::Image;
use super::imports::Imports;
use super::map::Map;
use super::relocations::{Relocations, are_addresses_distinct};
use iced_x86::{Code as Opcode, ConstantOffsets, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use std::collections::{BTreeMap, BTreeSet};

/// The imports that stop the system.
const BUG_CHECKS: [&str; 2] = ["KeBugCheck", "KeBugCheckEx"];

/// What the decoded instructions say.
#[derive(Default)]
pub(super) struct Code {
    pub(super) instructions: usize,
    /// Where an instruction holds an absolute address of the image.
    pub(super) absolute_addresses: Vec<u32>,
    /// From the start of a function to every address that it refers to.
    references: BTreeMap<u32, BTreeSet<u32>>,
    /// Functions that are one jump through an import slot.
    thunks: Vec<Thunk>,
    traps: Vec<Trap>,
    /// The first byte of each function that does not decode.
    undecoded: Vec<u32>,
}

struct Thunk {
    rva: u32,
    slot: u32,
}

struct Trap {
    function: u32,
    rva: u32,
    instruction: &'static str,
}

impl Code {
    /// Decodes every function.
    pub(super) fn decode(image: &Image<'_>, functions: &[Function<'_>]) -> Self {
        let mut code = Self::default();
        for function in functions {
            code.decode_function(image, function);
        }
        code
    }

    fn decode_function(&mut self, image: &Image<'_>, function: &Function<'_>) {
        // With the RVA as the instruction pointer every address in the code comes out as an RVA.
        let ip = u64::from(function.start);
        let mut decoder = Decoder::with_ip(64, function.code, ip, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let mut previous = (!function.is_known).then_some(Mnemonic::Int3);
        while decoder.can_decode() {
            let offset = decoder.position();
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                let rva = u32::try_from(instruction.ip()).unwrap_or(u32::MAX);
                self.undecoded.push(rva);
                return;
            }
            if let Some(padding) = padding(function, offset, previous) {
                let next = offset + padding;
                if decoder.set_position(next).is_err() || next == function.code.len() {
                    return;
                }
                decoder.set_ip(ip + next as u64);
                continue;
            }
            let constants = decoder.get_constant_offsets(&instruction);
            self.record(image, function.start, &instruction, constants);
            previous = Some(instruction.mnemonic());
        }
    }

    /// Notes what one instruction says; its instruction pointer is its RVA.
    fn record(&mut self, image: &Image<'_>, function: u32, instruction: &Instruction, constants: ConstantOffsets) {
        let rva = u32::try_from(instruction.ip()).unwrap_or(u32::MAX);
        self.instructions += 1;
        if let Some(name) = trap(instruction) {
            self.traps.push(Trap {
                function,
                rva,
                instruction: name,
            });
        }
        if rva == function
            && instruction.code() == Opcode::Jmp_rm64
            && let Some(slot) = memory_target(instruction)
        {
            self.thunks.push(Thunk { rva, slot });
        }
        let mut references: BTreeSet<u32> = targets(instruction).collect();
        if instruction.code() == Opcode::Mov_r64_imm64
            && are_addresses_distinct(image)
            && let Some(target) = image.rva_of_address(instruction.immediate64())
        {
            let immediate = u32::try_from(constants.immediate_offset()).unwrap_or_default();
            self.absolute_addresses.push(rva.saturating_add(immediate));
            references.insert(target);
        }
        if !references.is_empty() {
            self.references.entry(function).or_default().extend(references);
        }
    }
}

/// The number of filling bytes at an offset, if filling is what stands there.
///
/// The filling up to the next function is `int3`. One of them may belong to the function itself: a
/// call that does not return is followed by one, so that its return address still lies in the
/// function. Inside a function `int3` is a breakpoint; a gap may hold unnamed code between filling.
fn padding(function: &Function<'_>, offset: usize, previous: Option<Mnemonic>) -> Option<usize> {
    const INT3: u8 = 0xcc;
    let can_end_a_function = previous.is_some_and(|mnemonic| {
        matches!(
            mnemonic,
            Mnemonic::Ret | Mnemonic::Jmp | Mnemonic::Call | Mnemonic::Ud2 | Mnemonic::Int | Mnemonic::Int3
        )
    });
    let rest = &function.code[offset..];
    let filling = rest.iter().take_while(|&&byte| byte == INT3).count();
    let is_last = filling == rest.len();
    (can_end_a_function && filling != 0 && (is_last || !function.is_known)).then_some(filling)
}

/// Names an instruction that stops the system or the processor.
fn trap(instruction: &Instruction) -> Option<&'static str> {
    match instruction.mnemonic() {
        Mnemonic::Ud0 | Mnemonic::Ud1 | Mnemonic::Ud2 => Some("ud2"),
        Mnemonic::Int3 | Mnemonic::Int1 => Some("int3"),
        Mnemonic::Int if instruction.immediate8() == 0x29 => Some("int 29h"),
        Mnemonic::Int => Some("int"),
        Mnemonic::Hlt => Some("hlt"),
        Mnemonic::Jmp if branch_target(instruction) == Some(instruction.ip()) => Some("jump to itself"),
        _ => None,
    }
}

fn branch_target(instruction: &Instruction) -> Option<u64> {
    (instruction.op0_kind() == OpKind::NearBranch64).then(|| instruction.near_branch64())
}

fn memory_target(instruction: &Instruction) -> Option<u32> {
    let is_relative = instruction.is_ip_rel_memory_operand();
    let address = is_relative.then(|| instruction.ip_rel_memory_address())?;
    u32::try_from(address).ok()
}

/// The addresses that an instruction states.
fn targets(instruction: &Instruction) -> impl Iterator<Item = u32> {
    let branch = branch_target(instruction).and_then(|target| u32::try_from(target).ok());
    branch.into_iter().chain(memory_target(instruction))
}

/// Everything that the findings about code are made from.
pub(super) struct Proof<'a> {
    pub(super) image: &'a Image<'a>,
    pub(super) imports: &'a Imports,
    pub(super) relocations: &'a Relocations,
    pub(super) functions: &'a [Function<'a>],
    pub(super) code: &'a Code,
    pub(super) map: &'a Map,
    pub(super) expected: &'a Expected<'a>,
}

impl Proof<'_> {
    /// Checks that everything was decoded.
    pub(super) fn check_decoding(&self, findings: &mut Findings) {
        for &rva in &self.code.undecoded {
            findings.add(
                Check::Code,
                format!(
                    "the bytes at {rva:#x}, in {}, are no instruction: keep data out of code",
                    self.describe(rva)
                ),
            );
        }
    }

    /// Checks that only the fatal functions stop anything.
    pub(super) fn check_fatal(&self, findings: &mut Findings) {
        self.check_traps(findings);
        self.check_bug_checks(findings);
    }

    fn check_traps(&self, findings: &mut Findings) {
        let mut reported = BTreeSet::new();
        for trap in &self.code.traps {
            if !self.is_fatal_function(trap.function) && reported.insert((trap.function, trap.instruction)) {
                findings.add(
                    Check::Trap,
                    format!(
                        "{} at {:#x}, in {}: a panic, an abort or an unreachable path is left there",
                        trap.instruction,
                        trap.rva,
                        self.describe(trap.function)
                    ),
                );
            }
        }
    }

    fn check_bug_checks(&self, findings: &mut Findings) {
        for slot in self.imports.slots_of(&BUG_CHECKS) {
            let name = slot.name.as_deref().unwrap_or_default();
            let thunks: BTreeSet<u32> = self
                .code
                .thunks
                .iter()
                .filter(|thunk| thunk.slot == slot.rva && !self.is_fatal_function(thunk.rva))
                .map(|thunk| thunk.rva)
                .collect();
            let leads_there = |target: &u32| *target == slot.rva || thunks.contains(target);
            let mut is_referred_to = false;
            for (&function, targets) in &self.code.references {
                if thunks.contains(&function) || !targets.iter().any(leads_there) {
                    continue;
                }
                is_referred_to = true;
                if !self.is_fatal_function(function) {
                    findings.add(
                        Check::BugCheck,
                        format!("{} calls {name}: only the fatal functions may", self.describe(function)),
                    );
                }
            }
            for &site in &self.relocations.sites {
                let value = self.image.u64_at(site);
                let target = value.and_then(|value| self.image.rva_of_address(value));
                if target.as_ref().is_some_and(leads_there) {
                    is_referred_to = true;
                    findings.add(
                        Check::BugCheck,
                        format!("the address of {name} stands in data at {site:#x}: call it directly"),
                    );
                }
            }
            if !is_referred_to {
                findings.add(
                    Check::BugCheck,
                    format!("{name} is imported and no code was seen to call it: drop the import"),
                );
            }
        }
    }

    /// Tells whether a function is one of those that may stop the system.
    ///
    /// Only a name that stands exactly at its start counts: code behind it could be anyone's.
    fn is_fatal_function(&self, start: u32) -> bool {
        self.map
            .names_at(start)
            .iter()
            .filter(|symbol| symbol.rva == Some(start))
            .any(|symbol| self.expected.fatal.contains(&symbol.name.as_str()))
    }

    /// Names the function that holds an address, as well as the map can.
    fn describe(&self, rva: u32) -> String {
        let after = self.functions.partition_point(|function| function.start <= rva);
        let start = after.checked_sub(1).map_or(rva, |index| self.functions[index].start);
        match self.map.names_at(start) {
            [symbol, ..] if symbol.rva == Some(start) => symbol.name.clone(),
            [symbol, ..] => format!("unnamed code at {start:#x} behind {}", symbol.name),
            [] => format!("unnamed code at {start:#x}"),
        }
    }
}

/// Checks what can be said of a machine whose code the gate does not decode.
pub(super) fn check_undecoded(imports: &Imports, expected: &Expected<'_>, findings: &mut Findings) {
    if !expected.fatal.is_empty() {
        return;
    }
    for slot in imports.slots_of(&BUG_CHECKS) {
        findings.add(
            Check::BugCheck,
            format!(
                "{} is imported and no function may call it: drop the call",
                slot.name.as_deref().unwrap_or_default()
            ),
        );
    }
}
