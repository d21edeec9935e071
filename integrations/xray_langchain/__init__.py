"""Records LangChain and LangGraph runs as X-Ray steps; needs the `langchain` extra."""
