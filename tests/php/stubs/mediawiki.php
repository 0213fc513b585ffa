<?php

// What the runtime asks of MediaWiki and of who calls it.

const MW_INSTALL_PATH = '/';
const MW_CONFIG_CALLBACK = ['Installer', 'overrideConfig'];
const MW_DB = 'wiki';
const MW_WIKI_NAME = 'wiki';
const MWFARM_EXTENSIONS = 'Cite';
const MWFARM_WIKI = 'wiki';

/** @param string|null $path The manifest, where it is not extensions/<name>/extension.json. */
function wfLoadExtension(string $name, ?string $path = null): void
{
}

/** @param string|null $path The manifest, where it is not skins/<name>/skin.json. */
function wfLoadSkin(string $name, ?string $path = null): void
{
}

/** The object of the extension MediaWikiFarm. */
class MediaWikiFarm
{
    /** @return array|string|bool|null */
    public function getConfiguration(string $key)
    {
        return null;
    }
}
