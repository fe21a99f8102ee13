"""Values of derivatives with proved errors, Taylor coefficients and bounds."""
