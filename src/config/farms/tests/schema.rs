//! The schema for editors knows the fields that the reader knows.

use std::collections::BTreeSet;

use super::super::entries::{CONFIG_KEYS, FARM_KEYS, TAG_KEYS, VARIABLE_KEYS};

fn schema() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../../docs/farms.schema.json")).expect("JSON")
}

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = schema();
    let keys = |name: &str| -> BTreeSet<String> {
        let definition = &schema["$defs"][name];
        assert_eq!(definition["additionalProperties"], false, "{name}");
        definition["properties"].as_object().expect("properties").keys().cloned().collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&name| name.to_owned()).collect() };
    assert_eq!(&keys("farm") | &keys("redirect"), set(&FARM_KEYS));
    assert!(!keys("farm").contains("redirect"));
    assert_eq!(keys("variable"), set(&VARIABLE_KEYS));
    assert_eq!(keys("config"), set(&CONFIG_KEYS));
    assert_eq!(keys("tag"), set(&TAG_KEYS));
}

#[test]
fn every_reference_of_the_schema_is_there() {
    let schema = schema();
    let mut left = vec![&schema];
    while let Some(value) = left.pop() {
        if let Some(reference) = value.get("$ref").and_then(serde_json::Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
        left.extend(value.as_object().into_iter().flat_map(serde_json::Map::values));
        left.extend(value.as_array().into_iter().flatten());
    }
}
