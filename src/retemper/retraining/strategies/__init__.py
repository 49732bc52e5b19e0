"""Ways to bring a network back to strength, one a file; ``plan`` says how, or raises NotApplicable."""
