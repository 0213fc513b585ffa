<?php

// Compares an array of literals with the same values serialized, which is another way to PHP: types, bits and order.

[, $cases, $literals] = $argv;

/** Whether two values are the same; `===` finds no NaN equal to itself, and 0.0 equal to -0.0. */
function same($a, $b): bool
{
    if (is_float($a) && is_float($b)) {
        return pack('E', $a) === pack('E', $b) || is_nan($a) && is_nan($b);
    }
    if (!is_array($a) || !is_array($b)) {
        return $a === $b;
    }
    if (array_keys($a) !== array_keys($b)) {
        return false;
    }
    foreach ($a as $key => $value) {
        if (!same($value, $b[$key])) {
            return false;
        }
    }

    return true;
}

$expected = unserialize(file_get_contents($cases));
$values = require $literals;
foreach ($expected as $key => $value) {
    if (!array_key_exists($key, $values) || !same($values[$key], $value)) {
        echo "$key: ", json_encode(serialize($value), JSON_INVALID_UTF8_SUBSTITUTE), ' but ',
            json_encode(serialize($values[$key] ?? null), JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    }
}
echo 'compared ', count($values), "\n";
