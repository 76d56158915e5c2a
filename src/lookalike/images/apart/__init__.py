"""Pictures are decoded in processes of their own, so that one that brings its decoder down brings down nothing else."""
