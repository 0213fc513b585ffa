<?php

// Answers in place of a wiki. PHP 7.4.

namespace MwFarm;

/** What clients are told when no wiki may answer. */
final class Refusal_RUNTIMEKEY
{
    /** Seconds after which a client should ask again. */
    private const RETRY = 30;

    /**
     * There is no such wiki.
     *
     * @param list<array{string, string}> $missing Patterns of hosts with paths, each with the file that `HTTP404` names.
     * @return never
     */
    public static function notFound(array $missing): void
    {
        if (\PHP_SAPI === 'cli' || \PHP_SAPI === 'phpdbg') {
            fwrite(\STDERR, "There is no such wiki; `mwfarm run SCRIPT --wiki=WIKI` names one, `mwfarm wikis` lists them.\n");
            exit(4);
        }
        http_response_code(404);
        $index = (defined('MWFARM_ENTRY') ? \MWFARM_ENTRY : (defined('MW_ENTRY_POINT') ? \MW_ENTRY_POINT : '')) ?: 'index';
        $host = strtolower(strval($_SERVER['HTTP_HOST'] ?? ''));
        // Patterns are for hosts and nothing else.
        $missing = preg_match('/\A[a-z0-9.:-]*\z/', $host) === 1 ? $missing : [];
        $at = $host . strval($_SERVER['REQUEST_URI'] ?? '');
        foreach ($index === 'index.php' || $index === 'index' ? $missing : [] as [$pattern, $file]) {
            if (preg_match($pattern, $at) === 1 && is_file($file)) {
                require $file;
                exit;
            }
        }
        header('Content-Type: text/plain; charset=utf-8');
        exit("There is no wiki here.\n");
    }

    /**
     * The configuration has changed while the request was on its way.
     *
     * @return never
     */
    public static function changed(): void
    {
        headers_sent() || header('Refresh: 1');
        self::answer('The configuration has changed, and was compiled again.', 1);
    }

    /**
     * The wiki is about to change, or what should answer for it is not there.
     *
     * @param string|false|null $version What its link says, if there is one; null when MediaWiki has begun to load.
     * @return never
     */
    public static function unavailable($version): void
    {
        $updating = is_string($version) && substr($version, -1) === '!';
        $reason = $updating ? 'This wiki is being updated.' : 'This wiki has no version of MediaWiki that can answer.';
        if (\PHP_SAPI === 'cli' || \PHP_SAPI === 'phpdbg') {
            fwrite(\STDERR, $reason . ($updating ? "\n" : " Run `mwfarm build`.\n"));
            exit(1);
        }
        $updating || error_log("mwfarm: $reason Run `mwfarm build`.");
        self::answer($reason, self::RETRY);
    }

    /** @return never */
    private static function answer(string $reason, int $seconds): void
    {
        if (\PHP_SAPI === 'cli' || \PHP_SAPI === 'phpdbg') {
            // `mwfarm run update` must not take this for success.
            fwrite(\STDERR, "$reason\n");
            exit(1);
        }
        http_response_code(503);
        header("Retry-After: $seconds");
        header('Cache-Control: no-store');
        header('Content-Type: text/plain; charset=utf-8');
        exit("$reason Please try again soon.\n");
    }
}
