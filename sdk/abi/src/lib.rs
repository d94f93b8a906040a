//! What contracts and those who run or call them agree on: the host interface and the contract's description.
//!
//! [`functions`] is the one table of host functions, [`exports`] the names and numbers of the module interface.
#![no_std]

extern crate alloc;

pub mod exports;
pub mod functions;
