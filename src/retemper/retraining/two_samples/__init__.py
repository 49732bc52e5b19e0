"""Do two samples of rows come from one distribution? What the families of drift tests are made of."""
