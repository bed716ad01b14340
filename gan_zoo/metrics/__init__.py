"""What measures samples: networks trained or loaded to judge, and scores computed on arrays."""
