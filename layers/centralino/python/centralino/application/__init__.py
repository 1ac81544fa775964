"""What the system does: one use case a module, one public function of the same name."""
