//! Memory of one call: taken from the front, never given back, except that the last piece may grow in place.
//!
//! A module instance lives for one call and its memory is thrown away after it, so freeing would only cost fuel.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait and keeps its state in statics")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    cell::Cell,
    ptr::null_mut,
};

const PAGE: usize = 65_536;

unsafe extern "C" {
    /// The first byte after the stack and the module's data, set by the linker.
    static __heap_base: u8;
}

struct Bump {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: the module has one thread; the host never enters an instance twice at a time.
unsafe impl Sync for Bump {}

impl Bump {
    /// The end of the memory after making sure that it reaches `wanted`; false when the host gives no more.
    fn reach(&self, wanted: usize) -> bool {
        if wanted <= self.end.get() {
            return true;
        }
        let missing = wanted.wrapping_sub(self.end.get());
        let pages = missing.div_ceil(PAGE);
        if memory_grow(0, pages) == usize::MAX {
            return false;
        }
        self.end.set(memory_size(0).wrapping_mul(PAGE));
        wanted <= self.end.get()
    }
}

// SAFETY: pieces are disjoint because `next` only grows, are aligned by rounding up, and lie inside the memory because
// `reach` grew it; `__heap_base` is only used as an address.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set((&raw const __heap_base) as usize);
            self.end.set(memory_size(0).wrapping_mul(PAGE));
        }
        let mask = layout.align().wrapping_sub(1);
        let Some(start) = self.next.get().checked_add(mask) else { return null_mut() };
        let start = start & !mask;
        let Some(end) = start.checked_add(layout.size()) else { return null_mut() };
        if !self.reach(end) {
            return null_mut();
        }
        self.next.set(end);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _piece: *mut u8, _layout: Layout) {}

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = piece as usize;
        if start.wrapping_add(layout.size()) == self.next.get() {
            let Some(end) = start.checked_add(size) else { return null_mut() };
            if !self.reach(end) {
                return null_mut();
            }
            self.next.set(end);
            return piece;
        }
        // SAFETY: the caller's promises about `layout` and `size` hold for the new piece too.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                core::ptr::copy_nonoverlapping(piece, new, layout.size().min(size));
            }
            new
        }
    }
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };
