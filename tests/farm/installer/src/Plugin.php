<?php
// Stands in for composer/installers: it puts packages of MediaWiki's types where MediaWiki looks for them.

namespace MwfarmTest\Installers;

use Composer\Composer;
use Composer\IO\IOInterface;
use Composer\Plugin\PluginInterface;

final class Plugin implements PluginInterface {
	public function activate( Composer $composer, IOInterface $io ) {
		$composer->getInstallationManager()->addInstaller( new MediaWikiInstaller( $io, $composer ) );
	}

	public function deactivate( Composer $composer, IOInterface $io ) {
	}

	public function uninstall( Composer $composer, IOInterface $io ) {
	}
}
