//! Any bytes as a PHP file: the scan ends, and what it finds could be the name of a class.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mwfarm::build::scan::find_classes;

fuzz_target!(|data: &[u8]| {
    if let Ok(classes) = find_classes(data) {
        for class in classes {
            let name = class.as_bytes();
            assert!(!name.is_empty());
            // Bytes that would end a text in PHP, were it not quoted, are in no name.
            assert!(!name.iter().any(|byte| b"'\"$;?<>(){}".contains(byte)), "{:?}", name.escape_ascii().to_string());
        }
    }
});
