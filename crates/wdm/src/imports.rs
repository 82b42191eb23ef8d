//! Each kernel function that a driver may import, held at compile time to the number and sizes of its parameters.
//!
//! The table is `imports.in.rs`. Its rows are compared with Microsoft's metadata by a test of xtask; here they are compared
//! with the bindings that are really called. So a header that declares a function otherwise than Microsoft does cannot
//! become a call with the wrong arguments.

/// A function pointer type, and the sizes of what it takes and gives.
trait Signature: Copy {
    const PARAMETERS: &'static [usize];
    const RETURNS: usize;
}

/// Implements [`Signature`] for functions of these parameters and of each number of them below.
macro_rules! signatures {
    () => {
        signatures!(@implement);
    };
    ($first:ident $($rest:ident)*) => {
        signatures!(@implement $first $($rest)*);
        signatures!($($rest)*);
    };
    (@implement $($parameter:ident)*) => {
        impl<R, $($parameter),*> Signature for unsafe extern "C" fn($($parameter),*) -> R {
            const PARAMETERS: &'static [usize] = &[$(size_of::<$parameter>()),*];
            const RETURNS: usize = size_of::<R>();
        }
    };
}

signatures!(A B C D E F G H I J);

/// Whether `F` takes and returns values of these sizes.
const fn is<F: Signature>(_function: F, parameters: &[usize], returns: usize) -> bool {
    let mut index = 0;
    if F::PARAMETERS.len() != parameters.len() || F::RETURNS != returns {
        return false;
    }
    while index < parameters.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "evaluated at compile time, where a bad index is an error"
        )]
        if F::PARAMETERS[index] != parameters[index] {
            return false;
        }
        index = index.wrapping_add(1);
    }
    true
}

/// Stands for the type of a parameter whose size is given, and lets the compiler find it.
macro_rules! infer {
    ($size:literal) => {
        _
    };
}

macro_rules! kernel_imports {
    (
        $($dll:literal { $($name:ident($($size:literal),*) $(-> $returns:literal)? $(, also $also:literal)?;)* })*
        // What compilers call by themselves has no binding; what has one is held to its row below.
        $(unlisted $other_dll:literal { $($other:tt)* })*
    ) => {$($(
        const _: () = assert!(
            is(
                wdk_sys::ntddk::$name as unsafe extern "C" fn($(infer!($size)),*) -> _,
                &[$($size),*],
                0 $(+ $returns)?,
            ),
            concat!("the binding of ", stringify!($name), " has other parameters than imports.in.rs says"),
        );
    )*)*};
}

include!("imports.in.rs");

const _: () = assert!(is(
    wdk_sys::ntddk::KeAcquireSpinLockRaiseToDpc as unsafe extern "C" fn(_) -> _,
    &[8],
    1
));
const _: () = assert!(is(
    wdk_sys::ntddk::KeReleaseSpinLock as unsafe extern "C" fn(_, _) -> _,
    &[8, 1],
    0
));
