//! The loader and the stack, on a small image that is composed here byte by byte.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod calling;
mod child;
mod loading;
mod mutations;
mod refusals;
mod specimen;
