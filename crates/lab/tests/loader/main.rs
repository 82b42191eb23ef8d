//! The loader, the stack, call stacks and names, on a small image that is composed here byte by byte.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod calling;
mod child;
mod loading;
mod mutations;
mod naming;
mod naming_built;
mod placing;
mod refusals;
mod specimen;
mod unknown;
mod unwinding;
