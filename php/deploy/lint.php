<?php
// Whether files are PHP that can be compiled: none of it is run. Files come one after another on the standard input,
// each as a line with its number of bytes and the bytes. Says `{"file":0}` before each, by its place, and after it
// `{"file":0,"line":7,"message":"…"}` when it is none. PHP 7.4.

(static function (): void {
    $say = static function (array $what): void {
        echo json_encode($what, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    };
    for ($file = 0; ($size = fgets(STDIN)) !== false; $file++) {
        $code = (int)$size > 0 ? (string)stream_get_contents(STDIN, (int)$size) : '';
        $say(['file' => $file]);
        try {
            token_get_all($code, TOKEN_PARSE);
        } catch (Throwable $error) {
            $say(['file' => $file, 'line' => $error->getLine(), 'message' => $error->getMessage()]);
        }
    }
    $say(['done' => $file]);
})();
