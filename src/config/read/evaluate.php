<?php
// Evaluates a PHP file of the configuration: arguments are the file and a marker that it cannot know. What it prints
// is dropped. Standard output gets the marker, what happened, a length and that many bytes:
//   V  the array that it returned, serialized
//   T  the type of what it returned instead
//   E  the line and the message of what it threw

(static function (string $file, string $marker): void {
	$say = static function (string $kind, string $bytes) use ($marker): void {
		while (ob_get_level() > 0 && ob_end_clean()) {
			continue;
		}
		fwrite(STDOUT, "\n$marker $kind " . strlen($bytes) . "\n$bytes");
	};
	ob_start(static function (): string {
		return '';
	}, 4096);
	try {
		$value = (static function () {
			return include func_get_arg(0);
		})($file);
		if (is_array($value)) {
			$say('V', serialize($value));
		} else {
			$say('T', gettype($value));
		}
	} catch (Throwable $thrown) {
		$line = $thrown->getFile() === $file ? $thrown->getLine() : 0;
		foreach ($thrown->getTrace() as $call) {
			if ($line === 0 && ($call['file'] ?? '') === $file) {
				$line = $call['line'] ?? 0;
			}
		}
		$say('E', $line . ' ' . get_class($thrown) . ': ' . $thrown->getMessage());
	}
})($argv[1], $argv[2]);
