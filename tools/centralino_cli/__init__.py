"""The command line `centralino`: what an administrator runs on a desk."""
